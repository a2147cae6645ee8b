"""The entity task: its networks by their options, its data, and what it shows."""

import json
import re
import shutil
import sys

import click
import numpy as np
import pytest
from support.command_lines import assert_refused, options_of, terminal
from support.entity_tagging import sentences, write_sentences
from support.refusals import refused
from support.task_case import CASES, TaskTests

import zoo
from tasks.ner import NamedEntities
from zoo.application import workflow

TEXTS = ("Ann Lee met Bob in Rome, and Bob met Ann.", "", "<b>Köln & Bonn</b> e\u0301", "Bob")


class TestNamedEntities(TaskTests):
    case = CASES["ner"]

    @pytest.fixture
    def found(self, verb):
        predictions = verb("predict", "--json", *TEXTS).json["predictions"]
        kinds = {entity["type"] for p in predictions for entity in p["entities"]}
        assert kinds == {"LOC", "PER"}, "or little is shown"
        return predictions

    def test_every_type_has_its_row(self, trained, verb, tmp_path):
        rows = trained.metrics["per_type"]
        assert set(rows) == {"LOC", "PER"}
        for kind, row in rows.items():
            figures = " | ".join(f"{row[name]:.4f}" for name in ("precision", "recall", "f1"))
            assert f"\n| {kind} | {figures} | {row['support']} |\n" in trained.out
        file = write_sentences(tmp_path / "mine.txt", sentences(40))
        measured = verb("evaluate", "--data", file, "--json").json
        assert measured["f1"] > 0.5, "or the network has learnt nothing of these few words"

    def test_tags_that_the_model_does_not_know(self, verb, tmp_path, monkeypatch):
        other = write_sentences(tmp_path / "other.txt", [[("at", "O"), ("Acme", "B-ORG")]])
        assert_refused(verb("evaluate", "--data", other), other, "'B-ORG' (line 2)", "'B-PER'")
        corpus = zoo.datasets.sequence_tagging
        data = corpus.from_files(write_sentences(other, sentences(40, ["LOC", "ORG"])))
        monkeypatch.setattr(corpus, "load", lambda name, limit: data)
        result = verb("evaluate", "--dataset=x")
        assert_refused(result, "has the tags B-ORG, I-ORG", "only O, B-LOC", "another --dataset")

    def test_goes_on_with_other_tags(self, trained, tmp_path):
        """The network and its words are kept but for a new head, whose chains are well formed."""
        other = write_sentences(tmp_path / "other.txt", sentences(40, ["LOC", "ORG"]))
        task, words = NamedEntities(), ("--data", other, "--start-from", trained.model)
        options = options_of(NamedEntities, *words)
        data = task.load_data(options)
        found, model, batches = workflow._build(task, data, options)
        saved = zoo.load(trained.model)
        assert found.tag_names == data.tag_names
        assert found.encoder.words == saved.encoder.words
        for new, old in zip(found.model.layers, saved.model.layers, strict=True):
            pairs = list(zip(new.get_weights(), old.get_weights(), strict=True))
            same = all(np.array_equal(one, another) for one, another in pairs)
            assert same != (new.name in ("logits", "crf")), new.name
        _, follow, _ = zoo.text.tags.allowed_transitions(data.tag_names)
        np.testing.assert_array_equal(model.get_layer("crf").allowed[1], follow)
        turns = {first for _, first in model.optimizer.rates}
        assert turns == {0, len(batches), 2 * len(batches)}

    def test_colours_in_a_terminal(self, verb, found, monkeypatch):
        with terminal(monkeypatch) as (screen, read):
            monkeypatch.setattr(sys, "stdout", screen)
            assert verb("predict", *TEXTS).code == 0
            lines = read().split("\r\n")
        assert len(lines) == len(TEXTS) + 1
        for line, prediction in zip(lines, found, strict=False):
            coloured = re.findall(r"\x1b\[3\dm\x1b\[1m\[(.*?)\]\x1b\[0m", line)
            assert coloured == [f"{e['text']} {e['type']}" for e in prediction["entities"]]

    def test_page(self, verb, found, tmp_path):
        page = tmp_path / "page.html"
        page.write_text("of another run")
        shown = verb("predict", "--html", page, *TEXTS)
        assert "\x1b" not in shown.out
        assert len(shown.out.splitlines()) == len(TEXTS)
        text = page.read_text(encoding="utf-8")
        assert text.count("<p>") == len(TEXTS)
        assert text.count("<mark") == sum(len(p["entities"]) for p in found)
        assert "<b>" not in text

    def test_a_damaged_model(self, trained, call, tmp_path):
        config = json.loads((trained.model / "config.json").read_text())
        changes = ({"tags": ["O"]}, {"encoder": {"longest": 3}}, {"encoder": {"longest_word": 3}})
        damaged = [("config.json", json.dumps(config | change)) for change in changes]
        for number, (name, content) in enumerate([*damaged, ("characters.txt", "a\n")]):
            model = shutil.copytree(trained.model, tmp_path / str(number))
            (model / name).write_text(content)
            result = call(NamedEntities, "predict", "--model", model, "Bob")
            assert_refused(result, model, "restore")

    @pytest.mark.parametrize(
        "parts", ["crf recurrent gru", "softmax convolutional rnn", "softmax none lstm"]
    )
    def test_the_network_is_that_of_the_options(self, parts, built):
        head, characters, cell = parts.split()
        words = ("--units=6", "--layers=3", "--no-bidirectional", "--residual", "--dropout=0.3")
        words = (*words, "--head", head, "--characters", characters, "--cell", cell)
        predictor, batches = built(*words, "--character-units=7", "--word-dropout=0.4")
        config = predictor.model.get_layer("recurrence").get_config()
        assert (config["cell"], config["units"], config["layers"]) == (cell, 6, 3)
        assert (config["bidirectional"], config["residual"]) == (False, True)
        assert config["dropout"] == 0.3
        assert predictor.has_crf == (head == "crf")
        rates = {"word_dropout": 0.4, "input_dropout": 0.3, "output_dropout": 0.3}
        assert {name: predictor.model.get_layer(name).rate for name in rates} == rates
        assert (batches.batch_size, batches.shuffle) == (8, True)
        inputs = {tensor.name for tensor in predictor.model.inputs}
        assert inputs == {"words", "shapes"} | ({"characters"} if characters != "none" else set())
        if characters != "none":
            layer = predictor.model.get_layer("character_features")
            assert (layer.kind, layer.units) == (characters, 7)

    def test_a_tagger_of_sentences_goes_on_with_documents(self, trained, built):
        refused("--elsewhere needs --characters", built, "--elsewhere", "--characters=none")
        new, _ = built("--context=document", "--elsewhere")
        more, _ = built("--start-from", trained.model, "--context=document", "--elsewhere")
        for predictor in (new, more):
            assert predictor.context == "document"
            assert predictor.model.get_layer("elsewhere")
        first = zoo.load(trained.model)
        kernels = [p.model.get_layer("logits").kernel.numpy() for p in (more, first)]
        np.testing.assert_array_equal(kernels[0][: len(kernels[1])], kernels[1])
        assert not kernels[0][len(kernels[1]) :].any()
        assert built("--start-from", trained.model)[0].context == "sentence"
        options = options_of(NamedEntities, "--start-from", trained.model, "--epochs=3")
        settings = zoo.application.transfer.recorded(options)
        assert settings["epochs"] == 3
        assert not {"units", "dropout", "word_dropout", "head"} & settings.keys()  # of the network

    def test_adversarial_training(self, trained, built):
        """For a network that was built for it; the one that went before was not."""
        assert built("--adversarial=0.1")[0].model.size == 0.1
        start = ("--start-from", trained.model, "--adversarial=0.1")
        refused("give --adversarial 0", built, *start)

    def test_vectors(self, built, tmp_path):
        values = {"bob": 0.5, "rome": -2.5, "elsewhere": 7.0}  # the one value of each vector
        path = tmp_path / "vectors.txt"
        path.write_text("".join(f"{word}{f' {value}' * 6}\n" for word, value in values.items()))
        predictor, _ = built("--vectors", path)
        embedding = np.array(predictor.model.get_layer("embedding").embeddings)
        assert embedding.shape == (len(predictor.encoder.words), 6)
        words = predictor.encoder.words.tokens
        for word, value in values.items():
            assert (embedding[words.index(word)] == value).all()
        assert np.ptp(embedding[words.index("met")]) > 0, "a word without a vector keeps its own"


def test_too_few_entities_to_learn_or_to_judge_by(call, tmp_path):
    without = [[("number", "O"), (str(i), "O")] for i in range(600)]
    names = [[(name, "B-PER")] for name in ("Ann", "Bob", "Joe")]
    data = write_sentences(tmp_path / "mine.txt", [*without, *names])
    result = call(NamedEntities, "--data", data, "--limit=2", "--out", tmp_path / "out")
    assert_refused(result, "mine.txt", "no entity in the training split, of 2 sentences", "--limit")
    assert not (tmp_path / "out").exists()
    validation = write_sentences(tmp_path / "other.txt", [[("and", "O")]])
    files = ("--data", data, "--validation", validation)
    message = "no entity in the validation split, of 1 sentences"
    options = options_of(NamedEntities, *files)
    refused(message, NamedEntities().load_data, options)
    options = options_of(NamedEntities, *files, "--monitor=loss")
    assert len(NamedEntities().load_data(options).validation) == 1


def entity(text, kind, start):
    return {"type": kind, "text": text, "start": start, "end": start + len(text)}


def test_a_prediction_is_one_line():
    text = " Ann\n Lee\tmet  Joe.\n"
    found = [entity("Ann\n Lee", "PER", 1), entity("Joe", "PER", 15)]
    shown = NamedEntities().show({"input": text, "entities": found})
    assert click.unstyle(shown) == "[Ann Lee PER] met [Joe PER]."
    assert NamedEntities().show({"input": " \n", "entities": []}) == ""


def test_types_of_conll_have_colours_of_their_own():
    kinds = ("LOC", "MISC", "ORG", "PER")
    entities = [[entity("Bob", kind, 0)] for kind in kinds]
    shown = [NamedEntities().show({"input": "Bob", "entities": one}) for one in entities]
    assert len({line.partition("[Bob")[0] for line in shown}) == len(kinds)
