"""The translation task: its options by level, beams, pictures, and models by source length."""

import json
import shutil
from typing import ClassVar

import numpy as np
import pytest
from support.command_lines import assert_refused, options_of
from support.language_modelling import save_encoders
from support.task_case import CASES, TaskTests

import zoo
from tasks.translation import Translation
from zoo.evaluation.translation import translation_metrics

TEXTS = ("the old cat.", "the dog sees the cat.")


class TestTranslation(TaskTests):
    case = CASES["translation"]
    refused: ClassVar = {
        "predict cat --n-best=6": "give --beams 6",
        "train --data=x.tsv --input-feeding --attention=none": "give an --attention",
    }

    def test_the_card_has_samples_of_the_test_split(self, trained):
        metrics, card = trained.metrics, (trained.model / "README.md").read_text()
        assert metrics["bleu_signature"] in card
        given = [f"{sample['source']}\t{sample['target']}" for sample in metrics["samples"]]
        assert given == trained.files["test"].read_text().splitlines()[:3]
        for sample in metrics["samples"]:
            row = f"| {sample['source']} | {sample['target']} | {sample['translation']} |"
            assert row in card
        assert f'model.predict(["{metrics["samples"][0]["source"]}"])' in card

    def test_beams_and_words_that_the_model_does_not_know(self, trained, verb, monkeypatch):
        asked, predictor = [], zoo.load(trained.model)
        scored = [{"text": text, "log_probability": -len(text)} for text in ("un chat", "", "le")]
        found = [{"translation": "un chat", "hypotheses": scored}]
        monkeypatch.setattr(predictor, "predict", lambda texts, **k: asked.append(k) or found)
        words = ("predict", "xyz", "--n-best=3", "--beams=4", "--length-penalty=0.5")
        lines = [line.split(maxsplit=1) for line in verb(*words).out.splitlines()]
        assert lines == [["-7.000", "un chat"], ["0.000"], ["-2.000", "le"]]
        verb("predict", "xyz", "--copy-unknown")
        beams = {"beams": 4, "n_best": 3, "length_penalty": 0.5, "copy_unknown": False}
        assert (asked[0], asked[1]["copy_unknown"]) == (beams, True)

    def test_a_picture_of_the_first_text(self, verb, tmp_path):
        picture = tmp_path / "attention.png"
        assert len(verb("predict", *TEXTS, "--attention", picture).out.splitlines()) == 2
        assert picture.read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize("attention", ["additive", "none"])
    def test_the_network_is_that_of_the_options(self, attention, built):
        words = ("--cell=rnn", "--layers=2", "--no-bidirectional", "--level=subword")
        predictor, _ = built(*words, f"--attention={attention}", "--share-embeddings")
        decoder = predictor.model.get_layer("decoder")
        assert decoder.recurrence.cell == "rnn"
        assert decoder.recurrence.number_of_layers == 2
        assert predictor.attends == (attention != "none")
        assert predictor.source_tokenizer is predictor.target_tokenizer
        assert not predictor.model.get_layer("encoder").bidirectional

    def test_each_side_has_its_own_words(self, built):
        predictor, _ = built("--level=word", "--no-share-embeddings")
        sides = predictor.source_tokenizer.vocabulary, predictor.target_tokenizer.vocabulary
        assert ["cat" in side for side in sides] == [True, False]
        assert ["chat" in side for side in sides] == [False, True]

    @pytest.mark.more
    @pytest.mark.parametrize("level", ["word", "character"])
    def test_the_encoder_begins_with_language_models(self, level, trained, call, tmp_path):
        """What it reads and its sizes follow; it waits for its turn, which does not come here."""
        forward, backward = map(zoo.load, save_encoders(tmp_path, level, cell="gru"))
        names = f"--encoder={tmp_path / 'forward'},{tmp_path / 'backward'}"
        given = ["train", "--data", trained.files["data"], names, "--out", tmp_path / "model"]
        assert_refused(call(Translation, *given, "--level=subword"), "leave --level out")
        assert_refused(call(Translation, *given, "--units=3"), "leave --units out")
        done = call(Translation, *given, "--epochs=1", "--unfreeze-every=9")
        assert done.code == 0, done.err
        found = zoo.load(tmp_path / "model")
        assert (found.level, found.model.get_layer("encoder").cell) == (level, "gru")
        assert found.words == forward.tokenizer.vocabulary
        directions = found.model.get_layer("encoder").directions()
        for first, model in enumerate((forward, backward)):
            read = model.model.get_layer("recurrence").directions()
            for ours, theirs in zip(directions[first::2], read, strict=True):
                weights = ours.cell.recurrent_kernel, theirs.cell.recurrent_kernel
                np.testing.assert_array_equal(*weights)
        (answer,) = found.predict(["the cat"])
        assert np.isfinite(answer["probability"])

    def test_lengths_of_two_models(self, trained, call, tmp_path):
        """What both recorded when they were tested, as a picture, a table and JSON."""
        model = with_lengths(trained, tmp_path / "with", (30.0, 20.0, 10.5))
        other = with_lengths(trained, tmp_path / "without", (31.0, 12.0, 2.5))
        longer = with_lengths(trained, tmp_path / "longer", (3.0, 2.0, 1.0), sentences=60)
        picture = tmp_path / "lengths.png"
        for models, problem in (
            ((trained.model,), "sources of three lengths"),  # its sentences have six words each
            ((model, longer), "other texts"),
            (("nowhere",), "nowhere"),
        ):
            assert_refused(call(Translation, "lengths", *models, "--out", picture), problem)
        assert not picture.exists()
        shown = call(Translation, "lengths", model, other, "--out", picture)
        assert [line.split("\t") for line in shown.out.splitlines()] == [
            ["words", "texts", str(model), str(other)],
            ["1-5", "50", "30.0", "31.0"],
            ["6-10", "50", "20.0", "12.0"],
            ["11-15", "50", "10.5", "2.5"],
        ]
        assert picture.read_bytes().startswith(b"\x89PNG")
        found = call(Translation, "lengths", model, "--out", picture, "--json").json
        recorded = json.loads((model / "metrics.json").read_text())["by_source_length"]
        assert found == {"by_source_length": {str(model): recorded}}


def with_lengths(trained, folder, figures, sentences=50):
    """A copy of a model that was tested on sources of several lengths; returns its folder."""
    folder.mkdir()
    shutil.copy(trained.model / "config.json", folder)
    points = [
        {"least": n, "most": n + 4, "words": n + 2, "sentences": sentences, "bleu": bleu}
        for n, bleu in zip((1, 6, 11), figures, strict=True)
    ]
    (folder / "metrics.json").write_text(json.dumps({"by_source_length": points}))
    return folder


@pytest.mark.parametrize(
    ("words", "level", "share"),
    [
        ("", "character", False),
        ("--dataset=bible_en_fr", "subword", True),
        ("--data=x.tsv", "subword", True),
        ("--data=x.tsv --level=word", "word", False),
        ("--level=subword --no-share-embeddings", "subword", False),
    ],
)
def test_defaults_by_level(words, level, share):
    options = options_of(Translation, *words.split())
    options.resolve()
    assert (options.level, options.share_embeddings) == (level, share)


def test_each_length_of_sources_has_the_bleu_of_its_own_sentences():
    sources = [" ".join(["word"] * (1 + n % 15)) for n in range(900)]
    targets = [f"{source} numéro {n}" for n, source in enumerate(sources)]
    found = [target if n % 15 < 10 else "rien du tout" for n, target in enumerate(targets)]
    groups = translation_metrics(found, sources, targets)["by_source_length"]
    assert [(g["words"], g["sentences"]) for g in groups] == [(3, 300), (8, 300), (13, 300)]
    assert [g["bleu"] for g in groups] == pytest.approx([100, 100, 0], abs=1)
