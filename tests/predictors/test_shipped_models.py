"""The models that ship load, and do what their cards say."""

import json

import pytest

import zoo
from zoo.datasets import music, parallel_text, sequence_tagging, text_classification
from zoo.music import midi
from zoo.predictors.catalogue import METRICS_NAME, SAVED_MODELS

SHIPPED = ("sentiment_bilstm_imdb", "sentiment_bilstm_movie_snippets")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_answers(name):
    clear = {
        "A moving, funny and beautifully acted film, one of the best of the year.": "pos",
        "A dull, badly written mess, and a complete waste of time.": "neg",
    }
    predictions = zoo.load(name).predict(list(clear))
    assert [prediction["label"] for prediction in predictions] == list(clear.values())
    assert all(0.5 <= prediction["probability"] <= 1 for prediction in predictions)


def test_the_card_of_the_snippets_model_tells_the_truth(session_cache, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(session_cache))
    folder = SAVED_MODELS / "sentiment_bilstm_movie_snippets"
    claimed = json.loads((folder / METRICS_NAME).read_text())
    test = text_classification.load("movie_snippets").test
    measured = zoo.load(folder).evaluate(test.texts, test.labels)
    assert measured["examples"] == claimed["examples"]
    # Another processor rounds otherwise, and may turn a text that is on the fence.
    assert measured["accuracy"] == pytest.approx(claimed["accuracy"], abs=0.002)
    assert f"| this model | {claimed['accuracy']:.4f} |" in (folder / "README.md").read_text()


def test_the_shipped_tagger_answers():
    text = "\U0001f600 Theodore Roosevelt met Angela Merkel in New York."
    (prediction,) = zoo.load("ner_bilstm_conll2003").predict([text])
    found = [(entity["type"], entity["text"]) for entity in prediction["entities"]]
    assert found == [("PER", "Theodore Roosevelt"), ("PER", "Angela Merkel"), ("LOC", "New York")]
    for entity in prediction["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]


def test_the_card_of_the_tagger_tells_the_truth(session_cache, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(session_cache))
    folder = SAVED_MODELS / "ner_bilstm_conll2003"
    claimed = json.loads((folder / METRICS_NAME).read_text())
    measured = zoo.load(folder).evaluate(sequence_tagging.load("conll2003_english").test)
    assert measured["examples"] == claimed["examples"]
    assert measured["f1"] == pytest.approx(claimed["f1"], abs=0.002)
    assert f"| this model | {claimed['f1']:.4f} |" in (folder / "README.md").read_text()


def test_the_shipped_translator_reads_dates():
    days = {
        "12 mai 2019": "2019-05-12",
        "Thursday, September 3, 1987": "1987-09-03",
        "29. helmikuuta 2004": "2004-02-29",
        "2031년 11월 5일": "2031-11-05",
    }
    found = zoo.load("translation_bigru_dates").predict(list(days))
    assert [one["translation"] for one in found] == list(days.values())


def test_the_card_of_the_translator_tells_the_truth(session_cache, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(session_cache))
    folder = SAVED_MODELS / "translation_bigru_dates"
    claimed = json.loads((folder / METRICS_NAME).read_text())
    test = parallel_text.load("dates").test
    assert len(test) == claimed["examples"]
    some = test.take(range(0, len(test), 8))
    assert zoo.load(folder).evaluate(some)["exact_match"] >= claimed["exact_match"] - 0.005
    assert f"exact match {claimed['exact_match']:.4f}" in (folder / "README.md").read_text()


def test_the_card_of_the_french_translator_tells_the_truth(session_cache, monkeypatch):
    """The verses on its card, and BLEU of some, which is near that of all."""
    monkeypatch.setenv("ZOO_CACHE", str(session_cache))
    folder = SAVED_MODELS / "translation_bigru_bible_en_fr"
    claimed = json.loads((folder / METRICS_NAME).read_text())
    model, card = zoo.load(folder), (folder / "README.md").read_text()
    found = model.predict([sample["source"] for sample in claimed["samples"]])
    pairs = list(zip(claimed["samples"], found, strict=True))
    for sample, _ in pairs:
        assert f"| {sample['target']} | {sample['translation']} |" in card
    # Another processor rounds otherwise, and may turn a verse that is on the fence.
    assert sum(one["translation"] == sample["translation"] for sample, one in pairs) >= 2
    test = parallel_text.load("bible_en_fr/all").test
    assert len(test) == claimed["examples"]
    measured = model.evaluate(test.take(range(0, len(test), 12)))
    assert measured["bleu"] == pytest.approx(claimed["bleu"], abs=2)
    assert f"| this model | {claimed['bleu']:.4f} |" in card


@pytest.mark.parametrize("name", ["music_lstm_bach_chorales", "music_lstm_jsb_chorales_quarter"])
def test_the_shipped_music(name):
    folder = SAVED_MODELS / name
    claimed = json.loads((folder / METRICS_NAME).read_text())
    model = zoo.load(name)
    sample = midi.read(folder / "sample_1.mid", claimed["steps_per_quarter"])
    (piece,) = model.generate(length=64 * claimed["steps_per_quarter"], seed=1)
    # Another processor rounds otherwise, and may draw another note at some point.
    assert piece["score"].sounding()[:4] == sample.sounding()[:4]
    beginning = model.predict(["C5 G4 E4 C4"])[0]["next"]
    assert all(len(chord["chord"].split()) == 4 for chord in beginning if chord["chord"] != "end")
    assert claimed["nll_per_step"] < claimed["baseline_nll_per_step"]
    assert f"| this model | {claimed['nll_per_step']:.4f} |" in (folder / "README.md").read_text()


@pytest.mark.long
def test_the_card_of_the_chorales_tells_the_truth(session_cache, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(session_cache))
    claimed = json.loads((SAVED_MODELS / "music_lstm_bach_chorales" / METRICS_NAME).read_text())
    measured = zoo.load("music_lstm_bach_chorales").evaluate(music.load().test.pieces)
    assert measured["steps"] == claimed["steps"]
    assert measured["nll_per_step"] == pytest.approx(claimed["nll_per_step"], rel=1e-3)
