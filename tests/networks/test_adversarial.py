"""Adversarial training: the change of the word vectors, and the model that trains on it."""

import keras
import numpy as np
import pytest

from zoo.errors import UserError
from zoo.layers import Perturbation
from zoo.layers.perturbation import adversarial_offset
from zoo.networks import AdversarialModel, many_to_one
from zoo.predictors import TextClassifier
from zoo.training import ClippedAdam

IDS = np.array([[3, 4, 5, 2], [6, 2, 0, 0]] * 4, dtype="int32")
LABELS = np.array([0, 1] * 4, dtype="int32")


def small_network(adversarial):
    return many_to_one(
        8,
        2,
        embedding_dim=3,
        units=4,
        embedding_dropout=0,
        dropout=0,
        adversarial=adversarial,
        seed=1,
    )


def compiled(model):
    TextClassifier(model, None, ("no", "yes")).compile(ClippedAdam(0.01))
    return model


def test_the_change_has_the_size_and_direction_of_the_equation():
    generator = np.random.default_rng(0)
    x, g = generator.normal(size=(2, 5, 4, 3)).astype("float32")
    g[2] = 0
    r = keras.ops.convert_to_numpy(adversarial_offset(x, g, 0.02))
    for example in (0, 1, 3, 4):
        expected = 0.02 * np.linalg.norm(x[example]) * g[example] / np.linalg.norm(g[example])
        np.testing.assert_allclose(r[example], expected, rtol=1e-5)
    np.testing.assert_array_equal(r[2], 0)


def test_the_trained_loss_is_that_of_the_changed_vectors():
    plain, adversarial = compiled(small_network(0)), compiled(small_network(0.3))
    adversarial.set_weights(plain.get_weights())
    clean = plain.train_on_batch(IDS, LABELS, return_dict=True)["loss"]
    worst = adversarial.train_on_batch(IDS, LABELS, return_dict=True)["loss"]
    assert worst > clean + 1e-4


def test_a_small_change_trains_like_none_and_leaves_no_trace():
    plain, adversarial = compiled(small_network(0)), compiled(small_network(1e-7))
    adversarial.set_weights(plain.get_weights())
    for model in (plain, adversarial):
        model.fit(IDS, LABELS, batch_size=8, epochs=3, verbose=0, shuffle=False)
    for a, b in zip(plain.get_weights(), adversarial.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    (place,) = (layer for layer in adversarial.layers if isinstance(layer, Perturbation))
    assert place.offset is None
    np.testing.assert_allclose(plain(IDS), adversarial(IDS), atol=1e-4)


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    inputs = keras.Input((2,))
    with pytest.raises(UserError, match="TensorFlow"):
        AdversarialModel(inputs, inputs)
