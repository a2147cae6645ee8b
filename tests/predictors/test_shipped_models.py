"""The models that ship load, answer as when their cards were measured, and tell the truth there."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from support.pages import commands, task_of

import zoo
from zoo.application.options import training_command
from zoo.datasets import text_classification
from zoo.datasets.corpora import PACKAGED
from zoo.predictors.catalogue import ROOT, SHIPPED_MODELS, read_metrics

SHIPPED = re.findall(r"^!/saved_models/(\w+)/$", (ROOT / ".gitignore").read_text(), re.MULTILINE)
FOLDERS = {name: SHIPPED_MODELS / name for name in SHIPPED}
MODELS = {name: read_metrics(folder) for name, folder in FOLDERS.items()}
METRICS = {name: metrics["metric"] for name, metrics in MODELS.items()}

# What the shipped weights answered when the figures on the cards were measured.
REVIEWS = (
    "A moving, funny and beautifully acted film, one of the best of the year.",
    "A dull, badly written mess, and a complete waste of time.",
)
LABELS = {
    "sentiment_bilstm_imdb": {"pos": 0.98097, "neg": 0.99804},
    "sentiment_bilstm_movie_snippets": {"pos": 0.99487, "neg": 0.99702},
}
ENTITIES = {
    "Theodore Roosevelt": ("PER", 0.99941),
    "Angela Merkel": ("PER", 0.86698),
    "New York": ("LOC", 0.99977),
}
LOG_PROBABILITIES = {
    "language_model_lstm_shakespeare_character": -19.7393,
    "language_model_lstm_shakespeare_word": -17.6185,
}
NEXT_CHORDS = {
    "music_lstm_bach_chorales": ("(C5) (G4) (E4) (C4)", 0.99697),
    "music_lstm_jsb_chorales_quarter": ("C5 G4 E4 C4", 0.40933),
}
TRANSLATIONS = {
    "translation_bigru_dates": {
        "12 mai 2019": ("2019-05-12", -0.0003),
        "Thursday, September 3, 1987": ("1987-09-03", -0.0002),
        "29. helmikuuta 2004": ("2004-02-29", -0.0073),
        "2031년 11월 5일": ("2031-11-05", -0.0002),
    },
    "translation_bigru_bible_en_fr": {
        "The king went up into the mountain with his servants.": (
            "Le roi monta dans la montagne avec ses serviteurs.",
            -1.6884,
        ),
        "And he said to them, Give food to my sheep.": (
            "Puis il leur dit: Donnez à mes brebis.",
            -4.9522,
        ),
    },
}


def test_every_shipped_model_is_asked_here():
    asked = {*LABELS, "ner_bilstm_conll2003", *LOG_PROBABILITIES, *NEXT_CHORDS, *TRANSLATIONS}
    assert asked == {*MODELS}


@pytest.mark.parametrize("name", LABELS)
def test_sentiment(name):
    predictions = zoo.load(name).predict(list(REVIEWS))
    assert [one["label"] for one in predictions] == list(LABELS[name])
    probabilities = [one["probability"] for one in predictions]
    assert probabilities == pytest.approx(list(LABELS[name].values()), abs=1e-3)


def test_entities():
    text = "\U0001f600 Theodore Roosevelt met Angela Merkel in New York."
    (prediction,) = zoo.load("ner_bilstm_conll2003").predict([text])
    for one, (name, (kind, probability)) in zip(
        prediction["entities"], ENTITIES.items(), strict=True
    ):
        assert text[one["start"] : one["end"]] == one["text"] == name
        assert (one["type"], one["probability"]) == (kind, pytest.approx(probability, abs=1e-3))


@pytest.mark.parametrize("name", LOG_PROBABILITIES)
def test_language_model(name):
    (score,) = zoo.load(name).score(["The king is dead."])
    assert score["log_probability"] == pytest.approx(LOG_PROBABILITIES[name], abs=1e-2)


@pytest.mark.parametrize("name", NEXT_CHORDS)
def test_music(name):
    chord, probability = NEXT_CHORDS[name]
    first = zoo.load(name).predict(["C5 G4 E4 C4"])[0]["next"][0]
    assert first == {"chord": chord, "probability": pytest.approx(probability, abs=1e-3)}


@pytest.mark.parametrize("name", TRANSLATIONS)
def test_translation(name):
    expected = TRANSLATIONS[name]
    found = zoo.load(name).predict(list(expected))
    for one, (text, log_probability) in zip(found, expected.values(), strict=True):
        assert one["translation"] == text
        score = one["hypotheses"][0]["log_probability"]
        assert score == pytest.approx(log_probability, abs=1e-2)


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


def test_the_card_of_the_snippets_model_tells_the_truth(session_cache, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(session_cache))
    claimed = MODELS["sentiment_bilstm_movie_snippets"]
    test = text_classification.load("movie_snippets").test
    measured = zoo.load("sentiment_bilstm_movie_snippets").evaluate(test.texts, test.labels)
    assert measured["examples"] == claimed["examples"]
    # Another processor rounds otherwise, and may turn a text that is on the fence.
    assert measured["accuracy"] == pytest.approx(claimed["accuracy"], abs=0.002)


@pytest.mark.long
@pytest.mark.parametrize(("name", "metric"), METRICS.items())
def test_every_card_tells_the_truth(name, metric, session_cache):
    """The whole test split, by the command that is on the card."""
    if MODELS[name]["dataset"].partition("/")[0] not in PACKAGED:
        pytest.skip("its data are not packaged")
    task = f"tasks.{MODELS[name]['task']}"
    command = [sys.executable, "-m", task, "evaluate", "--model", name, "--json"]
    environment = os.environ | {"ZOO_CACHE": str(session_cache)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    measured = json.loads(done.stdout.splitlines()[-1])
    assert measured["examples"] == MODELS[name]["examples"]
    # Another processor rounds otherwise, and may turn what is on the fence.
    for figure in (metric, f"baseline_{metric}"):
        assert measured[figure] == pytest.approx(MODELS[name][figure], rel=5e-3)
