"""`EntityTagger`: entities where they stand in the text, and figures of spans."""

from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.predictor_case import ODD_TEXTS as TEXTS
from support.predictor_case import SENTENCES, TAGS, made, tagged, tagger

from zoo.datasets.sequence_tagging import TaggedSentences
from zoo.layers.crf import marginals
from zoo.text.tags import spans
from zoo.text.token_spans import tokenize

NO_TOKEN = (1, 3)  # of these texts


@pytest.fixture(scope="module", params=["crf", "softmax"])
def predictor(request):
    return made(f"tagger, {request.param}")


@pytest.fixture(scope="module")
def predictions(predictor):
    return predictor.predict(TEXTS)


def tokens_of(texts):
    """The tokens of texts, with where they begin and end."""
    found = tokenize(texts)
    rows = (found.tokens, found.starts, found.ends)
    tokens, starts, ends = (ragged.to_list() for ragged in rows)
    return [[token.decode() for token in row] for row in tokens], starts, ends


def test_entities_are_where_they_say(predictions):
    for text, prediction in zip(TEXTS, predictions, strict=True):
        last = 0
        for entity in prediction["entities"]:
            assert text[entity["start"] : entity["end"]] == entity["text"]
            assert entity["type"] in {"LOC", "ORG", "PER"}
            assert last <= entity["start"] < entity["end"]
            assert 0 < entity["probability"] <= 1 + 1e-6
            assert {type(entity[name]) for name in ("start", "end")} == {int}
            assert type(entity["probability"]) is float
            last = entity["end"]
    without = {i for i, prediction in enumerate(predictions) if not prediction["entities"]}
    assert without >= {*NO_TOKEN}
    assert len(without) <= len(TEXTS) // 2, "or little is shown"
    assert len({e["type"] for p in predictions for e in p["entities"]}) > 1, "or little is shown"


def test_predictions_are_the_spans_of_the_tags(predictor, predictions):
    tokens, starts, ends = tokens_of(TEXTS)
    filled = [i for i in range(len(TEXTS)) if i not in NO_TOKEN]
    tags = predictor.tag(TaggedSentences([tokens[i] for i in filled], []))
    for i, row in zip(filled, tags, strict=True):
        expected = [(s.type, starts[i][s.start], ends[i][s.end - 1]) for s in spans(row)]
        assert [(e["type"], e["start"], e["end"]) for e in predictions[i]["entities"]] == expected


def test_probability_is_that_of_the_least_certain_tag(predictor, predictions):
    filled = [i for i in range(len(TEXTS)) if i not in NO_TOKEN]
    tokens, starts, _ = tokens_of([TEXTS[i] for i in filled])
    tags = predictor.tag(TaggedSentences(tokens, []))
    longest = 0
    for i, words, row, places in zip(filled, tokens, tags, starts, strict=True):
        ids = predictor.inputs(tf.ragged.constant([words]))
        output = predictor.model({name: ragged.to_tensor() for name, ragged in ids.items()})
        certain = marginals(output) if predictor.has_crf else keras.ops.softmax(output)
        of_tags = np.array(certain)[0, range(len(row)), [TAGS.index(tag) for tag in row]]
        expected = {places[s.start]: of_tags[s.start : s.end].min() for s in spans(row)}
        found = {e["start"]: e["probability"] for e in predictions[i]["entities"]}
        assert found == pytest.approx(expected, abs=1e-5)
        longest = max([longest, *(span.end - span.start for span in spans(row))])
    assert longest > 1, "or it is of one tag anyway"


def test_no_texts_and_no_tokens(predictor):
    assert predictor.predict([]) == []
    assert predictor.predict([TEXTS[i] for i in NO_TOKEN]) == [{"entities": []}] * 2
    assert predictor.tag(TaggedSentences([], [])) == []


def test_a_long_text(predictor):
    """The same tags far from the beginning as a sentence of the same tokens has."""
    text = "Ann Lee met Bob in Rome . " * 300
    (prediction,), (tokens,) = predictor.predict([text]), tokens_of([text])[0]
    assert len(tokens) > 2_000
    (tags,) = predictor.tag(TaggedSentences([tokens], []))
    found = spans(tags)
    assert [entity["type"] for entity in prediction["entities"]] == [span.type for span in found]
    assert prediction["entities"][-1]["end"] > len(text) - 100
    for entity in prediction["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]


def test_evaluation_counts_spans(predictor):
    sentences = tagged(SENTENCES)
    measured = predictor.evaluate(sentences)
    found = [set(spans(row)) for row in predictor.tag(sentences)]
    true = [set(spans(row)) for row in sentences.tags]
    of_type = {
        name: Counter(span.type for row in rows for span in row)
        for name, rows in (
            ("found", found),
            ("true", true),
            ("both", [one & other for one, other in zip(found, true, strict=True)]),
        )
    }
    assert of_type["both"].total() > 0, "or every figure is 0"
    both, all_found, all_true = (of_type[name].total() for name in ("both", "found", "true"))
    assert measured["precision"] == pytest.approx(both / all_found)
    assert measured["recall"] == pytest.approx(both / all_true)
    assert measured["f1"] == pytest.approx(2 * both / (all_found + all_true))
    assert measured["per_type"].keys() == of_type["found"].keys() | of_type["true"].keys()
    for kind, row in measured["per_type"].items():
        both, all_found, all_true = (of_type[name][kind] for name in ("both", "found", "true"))
        assert row["support"] == all_true
        assert row["f1"] == pytest.approx(2 * both / (all_found + all_true))
    right = [
        one == other
        for rows in zip(predictor.tag(sentences), sentences.tags, strict=True)
        for one, other in zip(*rows, strict=True)
    ]
    assert measured["token_accuracy"] == np.mean(right)
    assert (measured["examples"], measured["tokens"]) == (len(SENTENCES), len(right))


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_f1_of_training_is_that_of_evaluation(head):
    predictor, sentences = tagger(head), tagged(SENTENCES)
    predictor.compile(keras.optimizers.Adam())
    predictor.model.run_eagerly = True
    dataset = predictor.batches(sentences, batch_size=3).dataset()
    logs = predictor.model.evaluate(dataset, return_dict=True, verbose=0)
    assert logs["f1"] == pytest.approx(predictor.evaluate(sentences)["f1"], rel=1e-5)
    assert np.isfinite(logs["loss"])
