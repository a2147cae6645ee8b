"""The many-to-one network: its shapes, its masks, its seed and what it refuses."""

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


@pytest.mark.parametrize("pooling", ["max", "mean", "last"])
def test_padding_changes_nothing(pooling):
    model = network(pooling=pooling, layers=2, residual=True)
    together = np.array(model(IDS))
    for row, ids in enumerate(IDS):
        alone = np.array(model(ids[None, ids != 0]))
        np.testing.assert_allclose(together[row : row + 1], alone, atol=1e-6)
    longer = np.pad(IDS, ((0, 0), (0, 3)))
    np.testing.assert_allclose(model(longer), together, atol=1e-6)


def test_dropout_is_in_training_only():
    model = network(word_dropout=0.5)
    np.testing.assert_array_equal(model(IDS), model(IDS))
    assert not np.allclose(model(IDS, training=True), model(IDS, training=True))
    without = network(dropout=0, embedding_dropout=0)
    np.testing.assert_allclose(without(IDS, training=True), without(IDS), atol=1e-6)


def test_seed_fixes_the_weights():
    one, same, other = (network(seed=seed).get_weights() for seed in (3, 3, 4))
    assert all(np.array_equal(*pair) for pair in zip(one, same, strict=True))
    assert not all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def test_number_of_parameters():
    """Embedding, two directions of an LSTM, and the logits, counted by hand."""
    lstm = 4 * (4 + 3 + 1) * 3
    assert network().count_params() == 9 * 4 + 2 * lstm + (6 + 1) * 3
    assert network(bidirectional=False).count_params() == 9 * 4 + lstm + (3 + 1) * 3
    second = 4 * (6 + 3 + 1) * 3
    assert network(layers=2).count_params() == network().count_params() + 2 * second


def test_configuration_round_trip():
    model = network(cell="gru", layers=2, residual=True, pooling="mean", name="mine")
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again(IDS), model(IDS), atol=1e-6)
    assert again.name == "mine"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"classes": 1}, "at least 2"),
        ({"cell": "elman"}, "one of rnn"),
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
