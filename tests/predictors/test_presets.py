"""Saved models: all of one or nothing, the same in another process; what those that ship answer."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import classifiers
from support.classifiers import LABELS, TEXTS
from support.command_lines import contents
from support.pages import commands, task_of
from support.predictor_case import assert_alike
from support.refusals import refused

import zoo
from zoo.application.options import training_command
from zoo.datasets.corpora import PACKAGED
from zoo.predictors import TextClassifier, catalogue, presets
from zoo.predictors.catalogue import ROOT, SHIPPED_MODELS, read_metrics
from zoo.training import ClippedAdam

# The others, `tests/networks` saves and loads.
NETWORKS = {
    "two labels of one direction": {"labels": LABELS[:2], "bidirectional": False, "cell": "gru"},
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


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    ["sentiment_bilstm_movie_snippets", "ner_bilstm_conll2003", "translation_bigru_dates"],
)
def test_one_text_takes_at_most_three_times_its_graph(name):
    predictor = zoo.load(name)
    (endpoint, *_) = predictor.endpoints()
    graph = tf.function(endpoint.function, endpoint.inputs, autograph=False)
    seconds = {}
    for call in (predictor.predict, lambda texts: graph(tf.constant(texts))):
        times = []
        for _ in range(40):
            begun = time.perf_counter()
            call(["12 May 2019"])
            times.append(time.perf_counter() - begun)
        seconds[call] = sorted(times)[20]
    of_predictor, of_graph = seconds.values()
    print(f"{name}: {of_predictor / of_graph:.2f} times the graph")
    assert of_predictor < 3 * of_graph


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
            refused("holds no saved model", zoo.load, folder)
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
    monkeypatch.delenv("ZOO_MODELS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert catalogue.trained_models() == catalogue.ROOT / "saved_models"
    monkeypatch.setattr(catalogue, "SHIPPED_MODELS", catalogue._INSTALLED)
    assert catalogue.trained_models() == trained
    monkeypatch.setattr(catalogue, "SHIPPED_MODELS", shipped)
    monkeypatch.setenv("ZOO_MODELS", str(trained))
    refused("train one first", zoo.load, "tiny")
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
    for name in ("shiped", "unfinished"):
        refused("one of both, tiny", zoo.load, name)
    refused("config.json is missing", zoo.load, "saved_models")


SHIPPED = re.findall(r"^!/saved_models/(\w+)/$", (ROOT / ".gitignore").read_text(), re.MULTILINE)
FOLDERS = {name: SHIPPED_MODELS / name for name in SHIPPED}
MODELS = {name: read_metrics(folder) for name, folder in FOLDERS.items()}
METRICS = {name: metrics["metric"] for name, metrics in MODELS.items()}
QUICK = "sentiment_bilstm_movie_snippets"
MEASURED = [
    pytest.param(name, marks=() if name == QUICK else pytest.mark.long)
    for name, metrics in MODELS.items()
    if metrics["dataset"].partition("/")[0] in PACKAGED
]

# What the shipped weights answered when the figures on the cards were measured.
GOOD = "A moving, funny and beautifully acted film, one of the best of the year."
BAD = "A dull, badly written mess, and a complete waste of time."
VERSE = "The king went up into the mountain with his servants."
OTHER = "And he said to them, Give food to my sheep."
NAMES = "\U0001f600 Theodore Roosevelt met Angela Merkel in New York."
PEOPLE = (("PER", "Theodore Roosevelt", 0.963), ("PER", "Angela Merkel", 0.63576))
ANSWERS = {
    "sentiment_bilstm_imdb": {GOOD: ("pos", 0.99981), BAD: ("neg", 0.99991)},
    "sentiment_bilstm_movie_snippets": {GOOD: ("pos", 0.99991), BAD: ("neg", 0.99995)},
    "ner_bilstm_conll2003": {NAMES: (*PEOPLE, ("LOC", "New York", 0.98113))},
    "language_model_lstm_shakespeare_character": {"The king is dead.": -14.5441},
    "language_model_lstm_shakespeare_word": {"The king is dead.": -17.6185},
    "music_lstm_bach_chorales": {"C5 G4 E4 C4": ("(C5) (G4) (E4) (C4)", 0.99997)},
    "music_lstm_jsb_chorales_quarter": {"C5 G4 E4 C4": ("C5 G4 E4 C4", 0.32273)},
    "translation_bigru_dates": {
        "12 mai 2019": ("2019-05-12", -0.0003),
        "Thursday, September 3, 1987": ("1987-09-03", -0.0002),
        "29. helmikuuta 2004": ("2004-02-29", -0.0073),
        "2031년 11월 5일": ("2031-11-05", -0.0002),
    },
    "translation_bigru_bible_en_fr": {
        VERSE: ("Le roi monta sur la montagne avec ses serviteurs.", -2.1426),
        OTHER: ("Et il leur dit: Donnez à mes brebis.", -5.4822),
    },
    "dna_bilstm_splice_junctions": {
        "CCAGCTGCATCACAGGAGGCCAGCGAGCAGGTCTGTTCCAAGGGCCTTCGAGCCAGTCTG": ("EI", 0.69142),
        "CCTTTCTCACCACCGACCCCTTTCACCCAGCTTGCGTGGCTGAACTTTGGTTTCTGCGGA": ("IE", 0.92007),
    },
    "video_bilstm_libras": {  # by the number of the clip of the test split
        0: ("circle", 0.78601),
        1: ("horizontal straight line", 0.99060),
    },
    "speech_bilstm_free_spoken_digits": {  # by the number of the utterance of the test split
        0: ("nine seven nine seven", -0.0174),
        1: ("one nine six", -0.0046),
    },
}


def told(answer):
    """What a prediction, or the score of a language model, says first."""
    match answer:
        case {"label": label, "probability": probability}:
            return label, probability
        case {"entities": entities}:
            return [(e["type"], e["text"], e["probability"]) for e in entities]
        case {"next": [{"chord": chord, "probability": probability}, *_]}:
            return chord, probability
        case {"translation": translation, "hypotheses": [best, *_]}:
            return translation, best["log_probability"]
        case {"hypotheses": [{"text": text, "log_probability": log_probability}]}:
            return text, log_probability
        case {"log_probability": log_probability}:
            return log_probability


def test_every_shipped_model_is_asked_here():
    assert ANSWERS.keys() == MODELS.keys()


def asked(predictor, inputs):
    if predictor.kind == "language_model":
        return predictor.score(inputs)
    if predictor.kind == "speech_recognizer":
        recordings = zoo.datasets.speech.load().test.recordings
        return predictor.transcribe([recordings[i] for i in inputs])
    if predictor.kind == "video_classifier":
        clips = zoo.datasets.video.load().test.clips
        return predictor.predict([clips[i] for i in inputs])
    return predictor.predict(inputs)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_model_answers_as_when_it_was_measured(name):
    predictor, expected = zoo.load(name), ANSWERS[name]
    assert_alike(
        [told(answer) for answer in asked(predictor, [*expected])], [*expected.values()], 2e-3
    )


@pytest.mark.parametrize(("name", "metric"), METRICS.items())
def test_the_card_has_the_figures_and_the_command_of_the_training(name, metric):
    """So the defaults of a task are those that its models were trained with."""
    path, claimed = FOLDERS[name] / "README.md", MODELS[name]
    card = path.read_text(encoding="utf-8")
    assert f"| this model | {claimed[metric]:.4f} |" in card
    assert f"| simple baseline on the same data | {claimed[f'baseline_{metric}']:.4f} |" in card
    options = task_of(f"tasks.{claimed['task']}").options(**claimed["settings"])
    command = shlex.split(training_command(f"python -m tasks.{claimed['task']}", options))
    assert sorted(command) in map(sorted, commands(path))


@pytest.mark.parametrize("name", MEASURED)
def test_every_card_tells_the_truth(name, session_cache):
    """The whole test split, by the command that is on the card."""
    task = f"tasks.{MODELS[name]['task']}"
    command = [sys.executable, "-m", task, "evaluate", "--model", name, "--json"]
    environment = os.environ | {"ZOO_CACHE": str(session_cache)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    measured = json.loads(done.stdout.splitlines()[-1])
    assert measured["examples"] == MODELS[name]["examples"]
    # Another processor rounds otherwise, and may turn what is on the fence.
    for figure in (METRICS[name], f"baseline_{METRICS[name]}"):
        assert measured[figure] == pytest.approx(MODELS[name][figure], rel=5e-3)
