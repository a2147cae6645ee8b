"""Adversarial training: the change of the word vectors, and the model that trains on it."""

import keras
import numpy as np
import pytest
from support.network_case import CASES

from zoo.errors import UserError
from zoo.layers import Perturbation
from zoo.layers.perturbation import adversarial_offset
from zoo.networks import AdversarialModel


def test_the_change_has_the_size_and_direction_of_the_equation():
    generator = np.random.default_rng(0)
    x, g = generator.normal(size=(2, 5, 4, 3)).astype("float32")
    g[2] = 0
    r = keras.ops.convert_to_numpy(adversarial_offset(x, g, 0.02))
    for example in (0, 1, 3, 4):
        expected = 0.02 * np.linalg.norm(x[example]) * g[example] / np.linalg.norm(g[example])
        np.testing.assert_allclose(r[example], expected, rtol=1e-5)
    np.testing.assert_array_equal(r[2], 0)


@pytest.mark.parametrize("name", ["many_to_one", "many_to_many", "many_to_many, softmax"])
def test_the_trained_loss_is_that_of_the_changed_vectors(name):
    """Greater the more they change; a change of almost nothing trains like none."""
    case, losses, weights = CASES[name], {}, {}
    for size in (0, 1e-7, 0.3):
        dropout = {"embedding_dropout": 0} if name == "many_to_one" else {}
        model = case.make(adversarial=size, dropout=0, **dropout)
        model.compile("sgd", case.loss(), run_eagerly=True)
        before = model.get_weights()
        losses[size] = model.train_on_batch(case.inputs, case.targets, case.weights())
        weights[size] = model.get_weights()
    assert losses[0.3] > losses[0] + 1e-4
    assert losses[1e-7] == pytest.approx(losses[0], rel=1e-4)
    for plain, nearby in zip(weights[0], weights[1e-7], strict=True):
        np.testing.assert_allclose(plain, nearby, atol=1e-4)
    assert not any(map(np.array_equal, before, weights[0.3]))
    (place,) = (layer for layer in model.layers if isinstance(layer, Perturbation))
    assert place.offset is None


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    inputs = keras.Input((2,))
    with pytest.raises(UserError, match="TensorFlow"):
        AdversarialModel(inputs, inputs)
