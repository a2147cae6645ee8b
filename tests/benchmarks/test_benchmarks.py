"""The benchmarks run, and report what they promise; how fast anything is, no test can say."""

import importlib.util
import json
import math

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import zoo
from benchmarks import recurrence, sentiment
from benchmarks.timing import ratio, time_in_turn
from zoo.datasets.text_classification import LabelledTexts, TextClassificationData

TORCH = ["torch"] if importlib.util.find_spec("torch") else []


def report(main, *arguments):
    """What a benchmark prints on the last line of standard output, with `--json`."""
    result = CliRunner().invoke(main, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


def assert_measured(figures, names):
    assert figures.keys() >= set(names)
    for name in names:
        assert math.isfinite(figures[name])
        assert figures[name] > 0


@pytest.fixture
def corpus(monkeypatch):
    """Twenty texts of 1 to 20 words in place of the packaged corpus."""
    texts = [" ".join(["good", "bad"][i % 2] for _ in range(i + 1)) for i in range(20)]
    split = LabelledTexts(texts, np.arange(20, dtype="int32") % 2)
    data = TextClassificationData("tiny", split, split, split, label_names=("neg", "pos"))
    monkeypatch.setattr(zoo.datasets.text_classification, "load", lambda *_, **__: data)
    return split


def test_candidates_take_turns_after_warming_up():
    calls = []
    candidates = {name: lambda name=name: calls.append(name) for name in ("a", "b")}
    seconds = time_in_turn(candidates, rounds=2, warm_up=1)
    assert calls == ["a", "b"] * 3
    assert {name: len(s) for name, s in seconds.items()} == {"a": 2, "b": 2}


def test_a_ratio_is_taken_round_by_round():
    # The third round met a machine that was ten times slower for both.
    assert ratio([2.0, 4.0, 30.0], [1.0, 1.0, 10.0]) == 3.0


def test_recurrence_reports_each_layer_and_phase():
    rows = report(recurrence.main, "--rounds", "1", "--layer", "LSTM", "--shape", "2,3,4,5")["rows"]
    assert [(row["layer"], row["shape"]) for row in rows] == [("LSTM", [2, 3, 4, 5])]
    peers = ["keras", *TORCH]
    for phase in ("train", "inference"):
        names = [f"{name}_ms" for name in ("zoo", *peers)] + [f"{name}/zoo" for name in peers]
        assert_measured(rows[0][phase], names)


@pytest.mark.parametrize("shape", ["2,3,4", "2,3,4,0", "a,b,c,d"])
def test_recurrence_refuses_what_is_no_shape(shape):
    result = CliRunner().invoke(recurrence.main, ["--shape", shape])
    assert result.exit_code == 2
    assert "four positive integers" in result.output


def test_sentiment_reports_each_peer_and_phase(corpus):
    reported = report(sentiment.main, "--rounds", "1", "--examples", "16", "--batch-size", "8")
    assert (reported["examples"], reported["batch_size"]) == (16, 8)
    assert 0 < reported["mean_length"] <= reported["longest"] <= 21  # words and <EOS>
    assert [row["phase"] for row in reported["rows"]] == ["train", "inference"]
    peers = ["keras", "keras_untuned", "keras_fixed", *TORCH]
    names = [f"{name}_examples_per_second" for name in ("zoo", *peers)]
    for row in reported["rows"]:
        assert_measured(row, names + [f"zoo/{name}" for name in peers])


def test_sentiment_says_that_pytorch_is_missing(corpus, monkeypatch):
    def needs_torch(*arguments):
        raise AssertionError("built without PyTorch")

    def idle(*arguments):
        return (lambda: None), (lambda: None)

    monkeypatch.setattr(sentiment, "CANDIDATES", {"zoo": idle, "keras": idle, "torch": needs_torch})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = CliRunner().invoke(sentiment.main, ["--rounds", "1"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "PyTorch is not installed" in result.output


def test_joined_texts_have_the_length_asked_for(corpus):
    joined = sentiment.choose(corpus, 500, length=100)
    lengths = [len(text.split()) for text in joined.texts]
    assert len(joined) == len(joined.labels) == 500
    assert np.mean(lengths) == pytest.approx(100, rel=0.1)
    assert joined.texts == sentiment.choose(corpus, 500, length=100).texts


def test_without_a_length_texts_stay_as_they_are(corpus):
    chosen = sentiment.choose(corpus, 7)
    assert len(set(chosen.texts)) == 7
    assert set(chosen.texts) <= set(corpus.texts)


def test_zoo_and_keras_are_the_same_network():
    ours, theirs = sentiment.zoo_network(30), sentiment.keras_network(30)
    cell = ours.get_layer("recurrence").recurrences[0].forward_layer.cell
    order = [cell.gates.index(gate) for gate in ("update", "forget", "candidate", "output")]

    def in_order_of_keras(weight):
        if weight.shape[-1] != len(order) * sentiment.UNITS:
            return weight
        blocks = np.split(weight, len(order), axis=-1)
        return np.concatenate([blocks[i] for i in order], axis=-1)

    for variable in ours.trainable_variables:
        variable.assign(variable + 0.1 * keras.random.normal(variable.shape))
    theirs.set_weights([in_order_of_keras(v.numpy()) for v in ours.trainable_variables])
    ids = np.random.default_rng(0).integers(1, 30, size=(4, 9)).astype("int32")
    np.testing.assert_allclose(ours(ids), theirs(ids), rtol=1e-4, atol=1e-5)
