"""The sentiment task: its data, its labels, and what it shows."""

import json

import numpy as np
import pytest
from support.command_lines import TINY, assert_refused, call, reviews

import zoo
from tasks.sentiment import Sentiment
from zoo.datasets import text_classification
from zoo.datasets.corpus import limited
from zoo.datasets.text_classification import LabelledTexts, TextClassificationData


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model of three labels, from JSON Lines."""
    folder = tmp_path_factory.mktemp("three")
    lines = [
        json.dumps({"text": text, "label": label, "id": i})
        for i, (text, label) in enumerate(reviews(60, ("neg", "none", "pos")))
    ]
    (folder / "reviews.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture(autouse=True)
def corpora(monkeypatch):
    """Packaged corpora by name: "same" and "other" labels."""

    def load(name, *, limit=None):
        texts, names = zip(*reviews(24, ("neg", "none", "pos")), strict=True)
        label_names = {"same": ("neg", "none", "pos"), "other": ("bad", "good", "none")}[name]
        labels = np.array([("neg", "none", "pos").index(n) for n in names], np.int32)
        split = limited(LabelledTexts(list(texts), labels), limit)
        return TextClassificationData(name, split, split, split, label_names=label_names)

    monkeypatch.setattr(text_classification, "load", load)


def test_three_labels_of_json_lines(trained, capfd):
    out = trained / "model"
    data = trained / "reviews.jsonl"
    result = call(capfd, "--data", data, "--out", out, *TINY, "--cell=gru", "--json")
    assert result.code == 0, result.err
    metrics = json.loads(result.out)
    assert np.shape(metrics["confusion_matrix"]) == (3, 3)
    predictor = zoo.load(out)
    assert predictor.label_names == ("neg", "none", "pos")
    assert predictor.model.output_shape == (None, 3)

    same = call(capfd, "evaluate", "--model", out, "--dataset", "same", "--limit", 9, "--json")
    assert json.loads(same.out)["examples"] == 9
    assert json.loads(same.out)["dataset"] == "same"
    other = call(capfd, "evaluate", "--model", out, "--dataset", "other")
    assert_refused(
        other, "other has the labels bad, good, none", "neg, none, pos", "another --dataset"
    )


def test_trained_on_a_corpus_by_name(tmp_path, capfd):
    out = tmp_path / "model"
    options = ("--dataset", "same", "--out", out, *TINY, "--units=2", "--epochs=1", "--json")
    assert call(capfd, *options).code == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["dataset"], metrics["examples"]) == ("same", 24)
    # Evaluation takes the corpus of the training unless told otherwise.
    again = json.loads(call(capfd, "evaluate", "--model", out, "--json").out)
    for name in ("dataset", "examples", "accuracy", "baseline_accuracy", "confusion_matrix"):
        assert again[name] == metrics[name]


def test_too_few_examples_of_each_class(tmp_path, capfd):
    result = call(capfd, "--dataset", "same", "--limit", 1, "--out", tmp_path / "out")
    assert_refused(result, "all of one class", "--limit")
    assert list(tmp_path.iterdir()) == []


def test_a_prediction_is_one_line():
    shown = Sentiment().show({"input": " a\nb\tc ", "label": "pos", "probability": 0.98765})
    assert shown == "     pos 0.988  a b c"


def test_vectors_learnt_from_one_corpus_for_another(trained, capfd, tmp_path):
    file = tmp_path / "words.vec"
    arguments = ("vectors", "--dataset", "same", "--dimension=5", "--epochs=2", "--out", file)
    result = call(capfd, *arguments, "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    vectors = zoo.text.word_vectors.read(file)
    assert (len(vectors.words), vectors.dimension) == (found["words"], 5)
    texts = text_classification.load("same").train.texts
    assert found["tokens"] == sum(len(text.split()) for text in texts)
    assert set(vectors.words) <= {word for text in texts for word in text.lower().split()}
    shown = call(capfd, *arguments)
    assert f"vectors of {found['words']} words" in shown.out

    data = trained / "reviews.jsonl"
    out = tmp_path / "model"
    arguments = ("--data", data, "--out", out, "--vectors", file, *TINY, "--learning-rate=1e-9")
    assert call(capfd, *arguments).code == 0
    predictor = zoo.load(out)
    table = np.array(predictor.model.get_layer("embedding").embeddings)
    word = vectors.words[0]
    learnt = table[predictor.tokenizer.vocabulary.tokens.index(word)]
    first = vectors.matrix[0]
    assert len(learnt) == 5
    np.testing.assert_allclose(
        learnt / np.linalg.norm(learnt), first / np.linalg.norm(first), atol=1e-3
    )
    assert f"--vectors {file}" in (out / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("vectors", "--dataset=same"), "Missing option '--out'"),
        (("vectors", "--dataset=same", "--out=nowhere/a.vec"), "cannot be written"),
        (("vectors", "--dataset=same", "--data=x.csv", "--out=a.vec"), "not both"),
        (("vectors", "--dataset=same", "--least=999", "--out=a.vec"), "no word occurs 999 times"),
        (("train", "--dataset=same", "--vectors=a.vec"), "a.vec: cannot read word vectors"),
    ],
)
def test_vectors_that_cannot_be(capfd, tmp_path, monkeypatch, arguments, problem):
    monkeypatch.chdir(tmp_path)
    assert_refused(call(capfd, *arguments), problem)
    assert not list(tmp_path.rglob("*.vec"))
