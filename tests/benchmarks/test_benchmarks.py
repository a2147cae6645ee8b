"""The benchmarks run, and report what they promise; how fast anything is, no test can say."""

import importlib.util

import numpy as np
import pytest
from click.testing import CliRunner
from support.benchmarking import TORCH, assert_measured, report

import zoo
from benchmarks import gpu, inference, recurrence, sentiment
from benchmarks.timing import ratio, time_in_turn
from zoo.cells import LSTMCell
from zoo.datasets.text_classification import LabelledTexts, TextClassificationData
from zoo.layers import handover
from zoo.networks import many_to_one
from zoo.predictors import TextClassifier
from zoo.text.words import WordTokenizer

# Twenty texts of 1 to 20 words.
TEXTS = LabelledTexts(
    [" ".join(["good", "bad"][i % 2] for _ in range(i + 1)) for i in range(20)],
    np.arange(20, dtype="int32") % 2,
)

pytestmark = pytest.mark.more


@pytest.fixture
def corpus(monkeypatch):
    data = TextClassificationData("tiny", *[TEXTS] * 3, label_names=("neg", "pos"))
    monkeypatch.setattr(zoo.datasets.text_classification, "load", lambda *_, **__: data)


@pytest.fixture
def classifier(corpus, monkeypatch):
    """A tiny one in the place of each that ships."""
    tokenizer = WordTokenizer.from_texts(TEXTS.texts)
    model = many_to_one(len(tokenizer.vocabulary), 2, embedding_dim=3, units=2, cell="rnn")
    predictor = TextClassifier(model, tokenizer, ("neg", "pos"))
    monkeypatch.setattr(zoo, "load", lambda model: predictor)
    monkeypatch.setattr(inference, "texts_for", lambda *_: TEXTS.texts)


def test_candidates_take_turns_and_a_ratio_is_taken_round_by_round():
    calls = []
    candidates = {name: lambda name=name: calls.append(name) for name in ("a", "b")}
    seconds = time_in_turn(candidates, rounds=2, warm_up=1)
    assert calls == ["a", "b"] * 3
    assert {name: len(s) for name, s in seconds.items()} == {"a": 2, "b": 2}
    # The third round met a machine that was ten times slower for both.
    assert ratio([2.0, 4.0, 30.0], [1.0, 1.0, 10.0]) == 3.0


@pytest.mark.parametrize("options", [(), ("--masked",)], ids=str)
def test_recurrence(options):
    _, reported = report(recurrence.main, "--layer", "LSTM", "--shape", "2,5,4,5", *options)
    (row,) = reported["rows"]
    assert (row["layer"], row["shape"]) == ("LSTM", [2, 5, 4, 5])
    for phase in ("train", "inference"):
        assert_measured(row[phase], {f"{name}/zoo" for name in ("keras", *TORCH)})
    for shape in ("2,3,4", "2,3,4,0", "a,b,c,d"):
        result = CliRunner().invoke(recurrence.main, ["--shape", shape])
        assert result.exit_code == 2
        assert "four positive integers" in result.output


@pytest.mark.parametrize(
    "peers",
    [("keras",), pytest.param(("keras_untuned", "keras_fixed", *TORCH), marks=pytest.mark.long)],
)
def test_sentiment(corpus, monkeypatch, peers):
    candidates = {name: sentiment.CANDIDATES[name] for name in ("zoo", *peers)}
    monkeypatch.setattr(sentiment, "CANDIDATES", candidates)
    _, reported = report(sentiment.main, "--examples", "16", "--batch-size", "8")
    assert (reported["examples"], reported["batch_size"]) == (16, 8)
    assert 0 < reported["mean_length"] <= reported["longest"] <= 21  # words and <EOS>
    assert [row.pop("phase") for row in reported["rows"]] == ["train", "inference"]
    for row in reported["rows"]:
        assert_measured(row, {f"zoo/{name}" for name in peers})


def test_joined_texts_have_the_length_asked_for():
    joined = sentiment.choose(TEXTS, 500, length=100)
    lengths = [len(text.split()) for text in joined.texts]
    assert len(joined) == len(joined.labels) == 500
    assert np.mean(lengths) == pytest.approx(100, rel=0.1)
    assert joined.texts == sentiment.choose(TEXTS, 500, length=100).texts
    as_they_are = sentiment.choose(TEXTS, 7).texts
    assert len(set(as_they_are)) == 7
    assert set(as_they_are) <= set(TEXTS.texts)


def test_gpu():
    """On any machine: in both precisions, with a mask in both directions."""
    _, reported = report(gpu.main, "--cell", "rnn", "--shape", "2,3,4,5", "--masked")
    cases = {(row["precision"], row["masked"]) for row in reported["rows"]}
    assert cases == {("float32", True), ("bfloat16", True)}
    for row in reported["rows"]:
        for phase in ("train", "inference"):
            assert_measured(row[phase], {f"{name}/zoo" for name in ("keras", *TORCH)})


def test_the_check_on_a_gpu(monkeypatch):
    """It tells engines apart that differ, and lets pass those that do not."""
    monkeypatch.setenv("ZOO_RECURRENCE", "keras")
    _, reported = report(gpu.main, "--check", "--cell", "lstm")
    assert [row["engine"] for row in reported["rows"]] == ["keras"] * 3
    assert all(0 < max(row["outputs"], row["gradients"]) < 1e-5 for row in reported["rows"])
    monkeypatch.setitem(handover._GATES, LSTMCell, tuple(map(leaking, handover._GATES[LSTMCell])))
    _, reported = report(gpu.main, "--check", "--cell", "lstm")
    assert [row["gradients"] > 1e-3 for row in reported["rows"]] == [False, False, True]


def leaking(gate):
    """Not held enough to keep a memory."""
    return gate._replace(padding=gate.padding / 1e4)


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.long)])
def test_inference(classifier, monkeypatch, real):
    """Each format and batch size; what is not installed is left out."""
    keras = inference.CANDIDATES["keras"]
    names = [name for name in inference.CANDIDATES if inference.installed(name)]
    if not real:
        monkeypatch.setattr(inference, "CANDIDATES", dict.fromkeys(inference.CANDIDATES, keras))
        find_spec = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda n: n != "onnx" and find_spec(n))
        names = [name for name in names if name != "onnx"]
    _, reported = report(inference.main, "--model", "tiny")
    alone, together = reported["models"]["tiny"]
    assert (alone.pop("batch_size"), together.pop("batch_size")) == (1, 32)
    assert 2 <= alone["mean_timesteps"] <= together["mean_timesteps"] == 21  # words and <EOS>
    for row, known in ((alone, names), (together, [n for n in names if n != "litert"])):
        assert_measured(row, {f"{name}_ms" for name in known})
        assert {name.removesuffix("/keras") for name in row if "/" in name} == {*known} - {"keras"}


def test_a_format_that_answers_otherwise_is_no_candidate(classifier, monkeypatch):
    keras = inference.CANDIDATES["keras"]

    def off(predictor, folder):
        answer = keras(predictor, folder)
        return lambda token_ids: answer(token_ids) + np.float32(1e-3)

    monkeypatch.setattr(inference, "CANDIDATES", {"keras": keras, "keras_function": off})
    with pytest.raises(AssertionError, match="keras_function"):
        report(inference.main, "--model", "tiny")
