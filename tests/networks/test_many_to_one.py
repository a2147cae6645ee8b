"""The many-to-one network: its shapes, its pooling and what it refuses."""

import keras
import numpy as np
import pytest

from zoo.layers import RecurrentStack
from zoo.networks import many_to_one

IDS = np.array([[5, 3, 4, 2], [6, 2, 0, 0], [2, 0, 0, 0]])


def network(classes=3, **options):
    return many_to_one(9, classes, **({"embedding_dim": 4, "units": 3} | options))


@pytest.mark.parametrize(("classes", "outputs"), [(2, 1), (3, 3), (7, 7)])
def test_logits(classes, outputs):
    model = network(classes)
    assert model.input_shape == (None, None)
    assert model.output_shape == (None, outputs)
    assert model(IDS).dtype == "float32"


def test_number_of_parameters():
    """Embedding, two directions of an LSTM, and the logits, counted by hand."""
    lstm = 4 * (4 + 3 + 1) * 3
    assert network().count_params() == 9 * 4 + 2 * lstm + (6 + 1) * 3
    assert network(bidirectional=False).count_params() == 9 * 4 + lstm + (3 + 1) * 3
    second = 4 * (6 + 3 + 1) * 3
    assert network(layers=2).count_params() == network().count_params() + 2 * second


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"classes": 1}, "at least 2"),
        ({"pooling": "sum"}, "sum"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        network(**wrong)


def test_the_last_state_of_each_direction_is_that_of_keras():
    network = many_to_one(9, 3, embedding_dim=4, units=5, pooling="last", seed=1)
    ids = np.array([[3, 4, 5, 6, 2], [7, 2, 0, 0, 0]], dtype="int32")
    (stack,) = (layer for layer in network.layers if isinstance(layer, RecurrentStack))
    (both,) = stack.recurrences
    vectors, mask = network.get_layer("embedding")(ids), keras.ops.convert_to_tensor(ids != 0)
    states = [
        keras.layers.RNN(both.forward_layer.cell)(vectors, mask=mask),
        keras.layers.RNN(both.backward_layer.cell, go_backwards=True)(vectors, mask=mask),
    ]
    pooled = keras.Model(network.input, network.get_layer("output_dropout").input)(ids)
    np.testing.assert_allclose(pooled, keras.ops.concatenate(states, axis=-1), atol=1e-6)
