"""Many-to-one: its logits and pooling; many-to-many: which tags follow; adversarial training."""

import keras
import numpy as np
import pytest
from support.network_case import CASES, MASK, TAGS, array, many_to_one

from zoo.errors import UserError
from zoo.layers import Perturbation, RecurrentStack
from zoo.layers.crf import viterbi
from zoo.layers.perturbation import adversarial_offset
from zoo.networks import AdversarialModel
from zoo.text.tags import may_follow


@pytest.mark.parametrize(("classes", "outputs"), [(2, 1), (3, 3), (7, 7)])
def test_a_logit_for_two_classes_or_one_for_each(classes, outputs):
    assert many_to_one(classes).make(False).output_shape == (None, outputs)


def test_the_last_state_of_each_direction_is_that_of_keras():
    case = CASES["many_to_one"]
    network, ids = case.make(pooling="last"), case.inputs
    (stack,) = (layer for layer in network.layers if isinstance(layer, RecurrentStack))
    (both,) = stack.recurrences
    vectors, mask = network.get_layer("embedding")(ids), keras.ops.convert_to_tensor(ids != 0)
    states = [
        keras.layers.RNN(both.forward_layer.cell)(vectors, mask=mask),
        keras.layers.RNN(both.backward_layer.cell, go_backwards=True)(vectors, mask=mask),
    ]
    pooled = keras.Model(network.input, network.get_layer("output_dropout").input)(ids)
    np.testing.assert_allclose(pooled, keras.ops.concatenate(states, axis=-1), atol=1e-6)


def test_only_legal_sequences():
    case = CASES["many_to_many"]
    inputs = {name: np.random.default_rng(3).permutation(ids) for name, ids in case.inputs.items()}
    inputs["words"] = case.inputs["words"]
    for options, legal in (({"allowed": None}, False), ({}, True)):
        model = case.make(**options, dropout=0)
        logits = model.get_layer("logits")
        logits.set_weights([30 * weight for weight in logits.get_weights()])
        names = [
            ["O", *(TAGS[tag] for tag in row[mask])]
            for row, mask in zip(array(viterbi(model(inputs), MASK)[0]), MASK, strict=True)
        ]
        assert all(all(map(may_follow, row, row[1:])) for row in names) == legal


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
