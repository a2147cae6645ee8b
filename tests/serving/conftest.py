"""A tiny classifier, exported as TensorFlow Serving reads it, and what it should answer."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.served_models import TEXTS
from support.servers import server, small_models  # noqa: F401  fixtures for every module here

pytest.register_assert_rewrite("support.conformance")

NAME = "tiny"
LABELS = ("bad", "fair", "good")


@dataclass(frozen=True)
class Served:
    """An exported model: its folder of versions' parent, its one version, and who made it."""

    folder: Path
    version: Path
    predictor: object


@pytest.fixture(scope="session")
def predictor():
    """An untrained `TextClassifier` whose answers differ from text to text."""
    import keras

    from zoo.networks import many_to_one
    from zoo.predictors import TextClassifier
    from zoo.text.words import WordTokenizer

    tokenizer = WordTokenizer.from_texts(TEXTS)
    model = many_to_one(len(tokenizer.vocabulary), len(LABELS), embedding_dim=5, units=3, layers=2)
    generator = np.random.default_rng(2)
    for weight in model.trainable_variables:
        weight.assign(generator.normal(size=weight.shape))
    bias = model.get_layer("logits").bias  # so that no label is the likeliest of all texts
    bias.assign(bias - keras.ops.mean(model(tokenizer(TEXTS)), axis=0))
    return TextClassifier(model, tokenizer, LABELS)


@pytest.fixture(scope="session")
def served(predictor, tmp_path_factory):
    """The predictor, exported once for all tests, which must leave it as it is."""
    import zoo

    folder = tmp_path_factory.mktemp("served")
    return Served(folder, zoo.serving.export(predictor, NAME, folder), predictor)


@pytest.fixture(scope="session")
def expected(served):
    """What a server of `served` should answer: what Keras does."""
    from support.conformance import Exchange, Expected

    from zoo.predictors.endpoints import request

    texts = [request(text=TEXTS), request(text=TEXTS[:1])]
    exchanges = [
        Exchange(endpoint.name, inputs, endpoint.expected(inputs))
        for endpoint in served.predictor.endpoints()
        for inputs in (*endpoint.examples, *(texts if endpoint.name == "serving_default" else ()))
    ]
    labels = {label for e in exchanges for label in e.outputs["label"]}
    assert len(labels) > 1, "or the label would show nothing"
    return Expected(NAME, (int(served.version.name),), exchanges)
