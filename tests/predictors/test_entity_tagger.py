"""`EntityTagger`: entities where they stand in the text, and figures of spans."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.predictor_case import ODD_TEXTS as TEXTS
from support.predictor_case import SENTENCES, TAGS, made, tagged, tagger

from zoo.datasets.sequence_tagging import TaggedSentences
from zoo.layers.crf import marginals
from zoo.text.normalization import normalize
from zoo.text.tags import spans
from zoo.text.token_spans import tokenize

NO_TOKEN = (1, 3)  # of these texts


@pytest.fixture(scope="module", params=["crf", "softmax"])
def predictor(request):
    return made(f"tagger, {request.param}")


def test_entities_are_the_spans_of_the_tags_with_the_least_probability_of_each(predictor):
    texts = [normalize(text) for i, text in enumerate(TEXTS) if i not in NO_TOKEN]
    parts = tokenize(texts)
    tokens = [[token.decode() for token in row] for row in parts.tokens.to_list()]
    places = [
        [*zip(*rows, strict=True)]
        for rows in zip(parts.starts.to_list(), parts.ends.to_list(), strict=True)
    ]
    tags = predictor.tag(TaggedSentences(tokens, []))
    kinds, longest = set(), 0
    for i, prediction in enumerate(predictor.predict(texts)):
        ids = predictor.inputs(tf.ragged.constant(tokens[i : i + 1]))
        output = predictor.model({name: ragged.to_tensor() for name, ragged in ids.items()})
        certain = marginals(output) if predictor.has_crf else keras.ops.softmax(output)
        of_tags = np.array(certain)[0, range(len(tags[i])), [TAGS.index(tag) for tag in tags[i]]]
        for entity, span in zip(prediction["entities"], spans(tags[i]), strict=True):
            start, end = places[i][span.start][0], places[i][span.end - 1][1]
            assert (entity["start"], entity["end"]) == (start, end)
            assert (entity["type"], entity["text"]) == (span.type, texts[i][start:end])
            least = of_tags[span.start : span.end].min()
            assert entity["probability"] == pytest.approx(least, abs=1e-4)
            assert [type(entity[name]) for name in ("start", "probability")] == [int, float]
            kinds.add(span.type)
            longest = max(longest, span.end - span.start)
    assert len(kinds) > 1, "or little is shown"
    assert longest > 1, "or it is of one tag anyway"


def test_no_texts_and_no_tokens(predictor):
    assert predictor.predict([TEXTS[i] for i in NO_TOKEN]) == [{"entities": []}] * 2
    assert predictor.tag(TaggedSentences([], [])) == []


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_figures_of_evaluation_and_of_training_count_the_same_spans(head):
    predictor, sentences = tagger(head), tagged(SENTENCES)
    tags = predictor.tag(sentences)
    found, true = (
        {(i, span) for i, row in enumerate(rows) for span in spans(row)}
        for rows in (tags, sentences.tags)
    )
    both = len(found & true)
    assert both > 0, "or every figure is 0"
    measured = predictor.evaluate(sentences)
    assert measured["precision"] == pytest.approx(both / len(found))
    assert measured["recall"] == pytest.approx(both / len(true))
    assert measured["f1"] == pytest.approx(2 * both / (len(found) + len(true)))
    for kind, row in measured["per_type"].items():
        assert row["support"] == sum(span.type == kind for _, span in true)
    right = np.concatenate(tags) == np.concatenate(sentences.tags)
    assert measured["token_accuracy"] == right.mean()
    assert (measured["examples"], measured["tokens"]) == (len(SENTENCES), len(right))
    predictor.compile(keras.optimizers.Adam()).run_eagerly = True
    dataset = predictor.batches(sentences, batch_size=3).dataset()
    logs = predictor.model.evaluate(dataset, return_dict=True, verbose=0)
    assert logs["f1"] == pytest.approx(measured["f1"], rel=1e-5)
    assert np.isfinite(logs["loss"])
