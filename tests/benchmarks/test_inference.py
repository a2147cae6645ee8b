"""The benchmark of inference runs, holds the formats to Keras, and reports what it promises."""

import importlib.util
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

import zoo
from benchmarks import inference
from zoo.datasets.text_classification import LabelledTexts, TextClassificationData
from zoo.networks import many_to_one
from zoo.predictors import TextClassifier
from zoo.text.words import WordTokenizer

FORMATS = [n for n in ("keras_function", "saved_model", "onnx", "litert") if inference.installed(n)]


@pytest.fixture
def texts(monkeypatch):
    """Forty texts of 1 to 8 words in place of the packaged corpus."""
    texts = [" ".join(["good", "bad"][i % 2] for _ in range(i % 8 + 1)) for i in range(40)]
    split = LabelledTexts(texts, np.arange(40, dtype="int32") % 2)
    data = TextClassificationData("tiny", split, split, split, label_names=("neg", "pos"))
    monkeypatch.setattr(zoo.datasets.text_classification, "load", lambda *_, **__: data)
    return texts


@pytest.fixture
def preset(texts, tmp_path):
    """A tiny classifier, saved."""
    tokenizer = WordTokenizer.from_texts(texts)
    model = many_to_one(len(tokenizer.vocabulary), 2, embedding_dim=3, units=2, cell="rnn")
    folder = tmp_path / "tiny"
    zoo.predictors.presets.save(TextClassifier(model, tokenizer, ("neg", "pos")), folder, {})
    return str(folder)


def run(*arguments):
    result = CliRunner().invoke(inference.main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_reports_each_format_and_batch_size(preset):
    result = run("--model", preset, "--rounds", "1", "--json")
    reported = json.loads(result.stdout.splitlines()[-1])
    assert reported["threads"] == inference.THREADS
    alone, together = reported["models"][preset]
    assert (alone["batch_size"], together["batch_size"]) == (1, 32)
    assert 2 <= alone["mean_timesteps"] <= together["mean_timesteps"] == 9  # words and <EOS>
    for row, formats in ((alone, FORMATS), (together, [n for n in FORMATS if n != "litert"])):
        expected = {f"{name}_ms" for name in ("keras", *formats)}
        expected |= {f"{name}/keras" for name in formats}
        assert row.keys() == expected | {"batch_size", "mean_timesteps"}
        assert all(math.isfinite(row[name]) and row[name] > 0 for name in expected)


def test_what_is_not_installed_is_left_out(preset, monkeypatch):
    def fails(predictor, folder):
        raise AssertionError("built without its packages")

    keras = {name: inference.CANDIDATES[name] for name in ("keras", "keras_function")}
    monkeypatch.setattr(inference, "CANDIDATES", {**keras, "onnx": fails, "litert": fails})
    find_spec = importlib.util.find_spec
    missing = {"onnxruntime", "ai_edge_litert"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in missing else find_spec(name)
    )
    result = run("--model", preset, "--rounds", "1")
    assert "packages are not installed: onnx, litert" in result.output


def test_a_format_that_answers_otherwise_is_no_candidate(preset, monkeypatch):
    keras = inference.CANDIDATES["keras"]

    def off(predictor, folder):
        answer = keras(predictor, folder)
        return lambda token_ids: answer(token_ids) + np.float32(1e-3)

    monkeypatch.setattr(inference, "CANDIDATES", {"keras": keras, "onnx": off})
    with pytest.raises(AssertionError, match="onnx"):
        run("--model", preset, "--rounds", "1")


def test_texts_are_as_long_as_those_of_the_training(texts, tmp_path, monkeypatch):
    monkeypatch.setattr(inference, "find_model", lambda model: tmp_path)
    assert set(inference.texts_for("snippets", None)) <= set(texts)
    monkeypatch.setattr(inference, "read_metrics", lambda folder: {"dataset": "imdb_reviews"})
    words = [len(text.split()) for text in inference.texts_for("reviews", None)]
    assert np.mean(words) == pytest.approx(230, rel=0.3)
    words = [len(text.split()) for text in inference.texts_for("reviews", 50)]
    assert np.mean(words) == pytest.approx(50, rel=0.3)


def test_an_unknown_model_is_one_line():
    result = CliRunner().invoke(inference.main, ["--model", "no_such_model"])
    assert result.exit_code == 2
    assert "unknown model 'no_such_model'" in result.output
