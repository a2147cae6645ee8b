"""Saved models: all of one or nothing, small, and the same in another process."""

import json
import os
import zipfile

import keras
import numpy as np
import pytest
from support import classifiers
from support.classifiers import LABELS, TEXTS
from support.command_lines import contents

import zoo
from zoo.cells import CELLS
from zoo.errors import UserError
from zoo.predictors import TextClassifier, catalogue, presets
from zoo.training import ClippedAdam

DEEP = {"layers": 2, "bidirectional": False, "residual": True}
NETWORKS = {
    **{cell: {"cell": cell} | (DEEP if number % 2 else {}) for number, cell in enumerate(CELLS)},
    "two labels, mean of two layers": {"labels": LABELS[:2], "pooling": "mean", "layers": 2},
    # There the other direction has seen nothing else yet.
    "last step": {"pooling": "last", "bidirectional": False},
    "adversarial": {"adversarial": 0.1, "word_dropout": 0.2, "residual": True, "embedding_dim": 6},
    "diagonal peepholes": {"cell": "peephole_lstm", "cell_options": {"peephole": "diagonal"}},
    "mixed precision": {"policy": "mixed_bfloat16", "layers": 2},
}


def classifier(labels=LABELS, **options):
    return classifiers.classifier(labels, max_length=20, **options)


def train_one_step(predictor):
    """Compiles the model and trains it for one step, so that its optimizer has a state."""
    predictor.compile(ClippedAdam(0.1))
    # Eagerly: tracing takes longer than the step.
    predictor.model.run_eagerly = True
    labels = np.arange(len(TEXTS)) % len(predictor.label_names)
    before = predictor.model.get_weights()
    predictor.model.train_on_batch(predictor.tokenizer(TEXTS), labels)
    for weight, old in zip(predictor.model.weights, before, strict=True):
        assert np.any(weight != old), weight.path


def logits(predictor):
    return np.array(predictor.model(predictor.tokenizer(TEXTS)))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_trains_and_comes_back(name, tmp_path):
    predictor = classifier(**NETWORKS[name])
    train_one_step(predictor)
    presets.save(predictor, tmp_path, {})
    again = zoo.load(tmp_path)
    np.testing.assert_allclose(logits(again), logits(predictor), rtol=1e-5, atol=1e-6)
    assert again.label_names == predictor.label_names
    assert again.tokenizer.vocabulary == predictor.tokenizer.vocabulary
    assert again.tokenizer.get_config() == predictor.tokenizer.get_config()


def test_the_archive_is_small_and_for_inference(tmp_path):
    predictor = classifier(embedding_dim=500)
    train_one_step(predictor)
    presets.save(predictor, tmp_path, {"labels": "Ümläute"})
    assert catalogue.read_metrics(tmp_path) == {"labels": "Ümläute"}
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["labels"], config["zoo_version"]) == (list(LABELS), zoo.__version__)
    bytes_of_weights = 4 * predictor.model.count_params()
    assert (tmp_path / presets.MODEL_NAME).stat().st_size < 1.5 * bytes_of_weights + 50_000
    with zipfile.ZipFile(tmp_path / presets.MODEL_NAME) as archive:
        config = json.loads(archive.read("config.json"))
        assert not config.get("compile_config")
        assert b"optimizer" not in archive.read("model.weights.h5")
    assert not zoo.load(tmp_path).model.compiled
    train_one_step(predictor)  # what was saved can be trained on


class Interruption(BaseException):
    """Control-C, or the end of the world."""


def interrupted(function, at):
    """`function`, but its call number `at` fails."""
    calls = iter(range(1, 100))

    def call(*arguments, **options):
        if next(calls) == at:
            raise Interruption
        return function(*arguments, **options)

    return call


@pytest.mark.parametrize(
    ("owner", "name", "calls"),
    [
        (keras.Model, "save", [1]),
        (TextClassifier, "save_assets", [1]),
        (presets, "_write_json", [1, 2]),
        (os, "replace", [1, 4]),
    ],
)
def test_interruption_leaves_the_old_model_or_none(owner, name, calls, tmp_path, monkeypatch):
    predictor = classifier()
    for at in calls:
        folder = tmp_path / str(at)
        presets.save(predictor, folder, {"old": True})
        (folder / "notes").write_text("of the user")
        (folder / "run").mkdir()
        before = contents(folder)
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, interrupted(getattr(owner, name), at))
            with pytest.raises(Interruption):
                presets.save(predictor, folder, {"old": False})
        if owner is os:
            with pytest.raises(UserError, match="holds no saved model"):
                zoo.load(folder)
        else:
            assert contents(folder) == before
        assert (folder / "notes").read_text() == "of the user"
        assert (folder / "run").is_dir()
        assert not list(folder.glob(".saving*"))
        presets.save(predictor, folder, {"old": False})
        assert catalogue.read_metrics(folder) == {"old": False}


def test_weights_in_half_precision_are_loaded_as_float32(tmp_path):
    predictor = classifier(embedding_dim=500)
    kernel = predictor.model.trainable_variables[1]
    kernel.assign(kernel + 1e5)  # too large for float16
    presets.save(predictor, tmp_path, {})
    archive = tmp_path / presets.MODEL_NAME
    size, before = archive.stat().st_size, {*tmp_path.iterdir()}
    presets.halve_weights(archive)
    assert {*tmp_path.iterdir()} == before
    assert archive.stat().st_size < 0.8 * size
    pairs = zip(predictor.model.weights, zoo.load(tmp_path).model.weights, strict=True)
    for weight, loaded in pairs:
        assert loaded.dtype == weight.dtype
        if weight.path == kernel.path:
            np.testing.assert_array_equal(loaded, weight)  # both are what was saved
        np.testing.assert_allclose(loaded, weight, rtol=2**-11, atol=1e-7)


def test_found_by_name_and_by_path(tmp_path, monkeypatch):
    shipped, trained = tmp_path / "shipped", tmp_path / "saved_models"
    monkeypatch.setattr(catalogue, "SHIPPED_MODELS", shipped)
    monkeypatch.setenv("ZOO_MODELS", str(trained))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="train one first"):
        zoo.load("tiny")
    for folder in (shipped / "tiny", shipped / "both", trained / "both", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    (trained / "unfinished").mkdir()
    assert catalogue.models() == {"both": trained / "both", "tiny": shipped / "tiny"}
    for name in ("tiny", "both", "elsewhere", str(tmp_path / "elsewhere"), "saved_models/both"):
        folder = catalogue.find_model(name)
        assert catalogue.find_model(catalogue.reference(folder)).samefile(folder)
    for folder, name in {
        "saved_models/both": "both",
        "saved_models/not_yet": "not_yet",
        "shipped/tiny": "tiny",
        "shipped/both": "shipped/both",  # the name is that of the trained one
        "elsewhere": "elsewhere",
    }.items():
        assert catalogue.reference(folder) == name
    for name, hint in (
        ("shiped", "one of both, tiny"),
        ("unfinished", "one of both, tiny"),
        ("saved_models", "config.json is missing"),
    ):
        with pytest.raises(UserError, match=hint):
            zoo.load(name)


def test_the_folder_of_trained_models(tmp_path, monkeypatch):
    monkeypatch.delenv("ZOO_MODELS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert catalogue.trained_models() == catalogue.ROOT / "saved_models"
    monkeypatch.setattr(catalogue, "SHIPPED_MODELS", catalogue._INSTALLED)
    assert catalogue.trained_models() == tmp_path / "saved_models"
