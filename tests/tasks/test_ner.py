"""The entity task: its data, its networks by their options, and what it shows."""

import json
import re

import click
import numpy as np
import pytest
from support.command_lines import assert_refused
from support.entity_tagging import TINY, call, sentences, write_sentences

import zoo
from tasks.ner import NamedEntities
from zoo.application import workflow
from zoo.application.command_line.commands import commands
from zoo.application.task import Settings
from zoo.cells import CELLS
from zoo.datasets import sequence_tagging
from zoo.datasets.corpus import limited
from zoo.datasets.sequence_tagging import SequenceTaggingData, TaggedSentences
from zoo.errors import UserError
from zoo.text.tags import tag_set

VECTORS = {"bob": 0.5, "rome": -2.5, "elsewhere": 7.0}  # the one value of each vector
KINDS = {"same": ["LOC", "PER"], "fewer": ["PER"], "other": ["LOC", "ORG"]}


def tagged(pairs):
    words = [[word for word, _ in sentence] for sentence in pairs]
    return TaggedSentences(words, [[tag for _, tag in sentence] for sentence in pairs])


def corpus(name, *, limit=None):
    split = limited(tagged(sentences(40, KINDS[name])), limit)
    names = tuple(tag_set(KINDS[name]))
    return SequenceTaggingData(name, split, split, split, tag_names=names)


@pytest.fixture(autouse=True)
def corpora(monkeypatch):
    """Corpora by name, as if they were packaged or of TensorFlow Datasets."""
    monkeypatch.setattr(sequence_tagging, "load", corpus)


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("".join(f"{word}{f' {value}' * 6}\n" for word, value in VECTORS.items()))
    return path


def settings_of(*arguments):
    command = commands(NamedEntities()).commands["train"]
    return Settings(dict(command.make_context("train", [*map(str, arguments)]).params))


def built(*arguments):
    """The untrained predictor of these options, and its batches."""
    settings = settings_of("--dataset=same", *TINY, *arguments)
    task = NamedEntities()
    predictor, _, batches = workflow._build(task, task.load_data(settings), settings)
    return predictor, batches


def test_trained_by_name_broken_off_and_resumed(capfd, tmp_path, monkeypatch):
    """A resumed run ends as an unbroken one does; evaluation takes the corpus of the training."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = ("--dataset=same", *TINY, "--head=softmax", "--characters=none", "--cell=gru")
    options = (*options, "--dropout=0.2", "--schedule=constant")
    result = call(capfd, *options, "--epochs=2", "--out", whole)
    assert result.code == 0, result
    assert "| type | precision | recall | F1 | spans |\n" in result.out
    plain = re.sub(r"\[([^]]*) (?:LOC|PER)\]", r"\1", result.out)
    assert all(f"\n{example}\n" in plain for example in NamedEntities.examples)
    assert str(whole) in result.out

    def interrupted(self, predictor, examples):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(NamedEntities, "evaluate", interrupted)
        assert call(capfd, *options, "--epochs=1", "--out", broken).code == 130
    monkeypatch.setattr(NamedEntities, "examples", ())
    result = call(capfd, "--resume", "--out", broken, "--epochs=2", "--json")
    assert result.code == 0, result
    metrics = json.loads(result.out)
    assert metrics["dataset"] == "same"
    expected = json.loads((whole / "metrics.json").read_text())
    assert metrics["f1"] == pytest.approx(expected["f1"], abs=1e-6)
    weights = [zoo.load(folder).model.get_weights() for folder in (broken, whole)]
    for weight, unbroken in zip(*weights, strict=True):
        np.testing.assert_allclose(weight, unbroken, rtol=1e-4, atol=1e-6)

    again = json.loads(call(capfd, "evaluate", "--model", whole, "--json").out)
    for name in ("dataset", "examples", "f1", "baseline_f1", "per_type", "token_accuracy"):
        assert again[name] == expected[name]
    fewer = call(capfd, "evaluate", "--model", whole, "--dataset=fewer", "--limit=9", "--json")
    assert json.loads(fewer.out)["examples"] == 9
    other = call(capfd, "evaluate", "--model", whole, "--dataset=other")
    assert_refused(other, "other has the tags B-ORG, I-ORG", "only O, B-LOC", "another --dataset")


def test_trained_with_every_other_option(capfd, tmp_path, vectors):
    out = tmp_path / "model"
    options = (
        "--characters=convolutional",
        "--vectors",
        vectors,
        "--mixed-precision",
        "--cell=rnn",
    )
    options = (*options, "--layers=2", "--residual", "--no-bidirectional", "--monitor=loss")
    result = call(capfd, "--dataset=same", *TINY, *options, "--epochs=1", "--out", out, "--json")
    assert result.code == 0, result
    metrics = json.loads(result.out)
    assert np.isfinite([metrics["f1"], metrics["token_accuracy"]]).all()
    predictor = zoo.load(out)
    assert predictor.model.output.dtype == "float32"
    assert predictor.model.get_layer("recurrence").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in predictor.model.weights} == {"float32"}
    assert "elsewhere" in predictor.encoder.words
    card = (out / "README.md").read_text()
    for option in ("--mixed-precision", "--characters convolutional", f"--vectors {vectors}"):
        assert option in card


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_cells_and_heads(cell, head):
    predictor, batches = built("--cell", cell, "--head", head)
    assert predictor.has_crf == (head == "crf")
    ids, tags, counted = next(iter(batches.dataset()))
    output = predictor.model(ids)
    assert output.shape == (*tags.shape, *[len(predictor.tag_names)] * (2 if head == "crf" else 1))
    assert counted.shape == tags.shape
    (name,) = {type(c).__name__ for c in cells_of(predictor.model.get_layer("recurrence"))}
    assert name == CELLS[cell].__name__


def cells_of(layer):
    return [inner for inner in layer._flatten_layers() if isinstance(inner, tuple(CELLS.values()))]


@pytest.mark.parametrize(
    ("characters", "inputs"),
    [
        ("recurrent", {"words", "characters", "shapes"}),
        ("convolutional", {"words", "characters", "shapes"}),
        ("none", {"words", "shapes"}),
    ],
)
def test_characters(characters, inputs):
    predictor, _ = built("--characters", characters, "--character-units=7")
    assert {tensor.name for tensor in predictor.model.inputs} == inputs
    if "characters" in inputs:
        layer = predictor.model.get_layer("character_features")
        assert (layer.kind, layer.units) == (characters, 7)


def test_options_of_the_network():
    options = ("--units=6", "--layers=3", "--no-bidirectional", "--residual", "--dropout=0.3")
    predictor, batches = built(*options, "--word-dropout=0.4", "--batch-size=5")
    config = predictor.model.get_layer("recurrence").get_config()
    assert (config["units"], config["layers"], config["dropout"]) == (6, 3, 0.3)
    assert (config["bidirectional"], config["residual"]) == (False, True)
    assert predictor.model.get_layer("word_dropout").rate == 0.4
    assert {
        predictor.model.get_layer(f"{place}_dropout").rate for place in ("input", "output")
    } == {0.3}
    assert batches.batch_size == 5
    assert batches.shuffle


def test_vectors(vectors):
    predictor, _ = built("--vectors", vectors)
    embedding = np.array(predictor.model.get_layer("embedding").embeddings)
    assert embedding.shape == (len(predictor.encoder.words), 6)
    words = predictor.encoder.words.tokens
    for word, value in VECTORS.items():
        assert (embedding[words.index(word)] == value).all()
    assert np.ptp(embedding[words.index("met")]) > 0, "a word without a vector keeps its own"


def test_the_seed_is_that_of_the_weights():
    one, same, other = (built(f"--seed={seed}")[0].model.get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(*pair) for pair in zip(one, same, strict=True))
    assert not all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def few_entities(path):
    """Sentences of which one in two hundred has an entity."""
    without = [[("number", "O"), (str(i), "O")] for i in range(600)]
    return write_sentences(path, [*without, *([(name, "B-PER")] for name in ("Ann", "Bob", "Joe"))])


def test_too_few_sentences_to_have_an_entity(capfd, tmp_path):
    data = few_entities(tmp_path / "mine.txt")
    result = call(capfd, "--data", data, "--limit=2", "--out", tmp_path / "out")
    assert_refused(result, "mine.txt", "no entity in the training split, of 2 sentences", "--limit")
    assert not (tmp_path / "out").exists()


def test_nothing_to_choose_the_epoch_by(tmp_path):
    data = few_entities(tmp_path / "mine.txt")
    validation = write_sentences(tmp_path / "other.txt", [[("and", "O")]])
    files = ("--data", data, "--validation", validation)
    with pytest.raises(UserError, match=r"no entity in the validation split, of 1 sentences"):
        NamedEntities().load_data(settings_of(*files))
    loaded = NamedEntities().load_data(settings_of(*files, "--monitor=loss"))
    assert len(loaded.validation) == 1


def entity(text, kind, start):
    return {"type": kind, "text": text, "start": start, "end": start + len(text)}


def test_a_prediction_is_one_line():
    text = " Ann\n Lee\tmet  Joe.\n"
    found = [entity("Ann\n Lee", "PER", 1), entity("Joe", "PER", 15)]
    shown = NamedEntities().show({"input": text, "entities": found})
    assert click.unstyle(shown) == "[Ann Lee PER] met [Joe PER]."
    assert NamedEntities().show({"input": " \n", "entities": []}) == ""


def test_types_have_their_colours():
    """Those of CoNLL-2003 differ; a type has the same everywhere."""

    def colour(kind):
        shown = NamedEntities().show({"input": "Bob", "entities": [entity("Bob", kind, 0)]})
        return shown.partition("[Bob")[0]

    kinds = ("LOC", "MISC", "ORG", "PER")
    assert len({colour(kind) for kind in kinds}) == len(kinds)
    assert colour("PER") == colour("PER") != ""


def test_defaults_are_the_published_task():
    task = NamedEntities()
    assert {task.dataset} <= zoo.datasets.corpora.PACKAGED.keys() & task.published.keys()
    assert task.metric in {"f1"} & task.evaluate_baseline(Nothing(), tagged(sentences(2))).keys()


class Nothing:
    def tag(self, examples):
        return [["O"] * len(tokens) for tokens in examples.tokens]
