"""Tiny untrained classifiers of every kind, and how their exported networks are compared."""

import keras
import numpy as np

from support.processors import skip_without
from support.sequences import randomize
from zoo.cells import CELLS
from zoo.networks import many_to_one
from zoo.predictors import TextClassifier
from zoo.text.words import WordTokenizer

TEXTS = [
    "good",
    "",
    "a bad and long and slow and altogether much too long film, with a bad end",
    "Don’t miss it!<br />GOOD\u00a0film\u200b ½ \u0130stanbul, \u00e9t\u00e9 ΟΔΟΣ <EOS>",
    "  ",
    "good film!",
    "bad",
]
LABELS = ("bad", "fair", "good")
SHAPES = [(True, 1, "max"), (False, 2, "last"), (True, 2, "mean"), (True, 1, "last")]
EVERY_KIND = [
    {"cell": cell, "bidirectional": bidirectional, "layers": layers, "pooling": pooling}
    for cell in CELLS
    for bidirectional, layers, pooling in SHAPES
]


def classifier(labels=("bad", "good"), policy="float32", max_length=None, **options):
    """A `TextClassifier` whose answers differ from text to text."""
    tokenizer = WordTokenizer.from_texts(TEXTS, max_length=max_length)
    skip_without(policy)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        options = {"embedding_dim": 4, "units": 3} | options
        model = many_to_one(len(tokenizer.vocabulary), len(labels), **options)
    finally:
        keras.config.set_dtype_policy(before)
    randomize(model, seed=2, scale=1)
    return TextClassifier(model, tokenizer, labels)


def balanced(labels=LABELS, **options):
    """One that gives several labels to `TEXTS`."""
    predictor = classifier(labels, **options)
    bias = predictor.model.get_layer("logits").bias
    bias.assign(bias - keras.ops.mean(predictor.model(predictor.tokenizer(TEXTS)), axis=0))
    return predictor


def assert_answers_alike(run, predictor, batches, atol=1e-5):
    """Holds an exported network, ids -> probabilities, to the predictor's own answers."""
    expected = predictor.probabilities(TEXTS)
    assert np.ptp(expected, axis=0).max() > 100 * atol, "or the comparison would show nothing"
    for size in batches:
        for start in range(0, len(TEXTS), size):
            ids = predictor.tokenizer(TEXTS[start : start + size]).numpy()
            rows = expected[start : start + size]
            np.testing.assert_allclose(run(ids), rows, atol=atol, rtol=0)
            longer = np.pad(ids, ((0, 0), (0, 3)))
            np.testing.assert_allclose(run(longer), rows, atol=atol, rtol=0)
