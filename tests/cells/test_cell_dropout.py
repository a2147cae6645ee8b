"""The dropout of a cell's inputs, in the layers of Keras and of the zoo."""

import keras
import numpy as np
import pytest
from support.sequences import BATCH, build_cell

from zoo.layers import Recurrence

UNITS, RATE = 200, 0.4
X = np.ones((BATCH, 5, UNITS), "float32")


def built(layer_class, **options):
    """A layer whose output at every step is the dropped input itself: h<t> = x<t>."""
    options |= {"activation": "linear", "use_bias": False, "dropout": RATE}
    cell = build_cell("rnn", units=UNITS, input_dim=UNITS, **options)
    cell.kernel.assign(np.eye(UNITS))
    cell.recurrent_kernel.assign(np.zeros((UNITS, UNITS)))
    return layer_class(cell, return_sequences=True)


@pytest.mark.parametrize("layer_class", [keras.layers.RNN, Recurrence])
def test_one_mask_of_the_inputs_per_sequence_in_training(layer_class):
    layer = built(layer_class)
    dropped = np.array(layer(X, training=True))
    np.testing.assert_array_equal(dropped, np.repeat(dropped[:, :1], 5, axis=1))
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / (1 - RATE)], rtol=1e-6)
    # 1200 draws: a fraction within five standard deviations.
    deviation = np.sqrt(RATE * (1 - RATE) / (BATCH * UNITS))
    assert abs(np.mean(dropped[:, 0] == 0) - RATE) < 5 * deviation
    assert np.any(dropped[0, 0] != dropped[1, 0])  # each sequence draws its own
    assert np.any(dropped != np.array(layer(X, training=True)))  # and each call
    np.testing.assert_array_equal(layer(X), X)  # in inference there is none


def test_a_seed_fixes_the_mask():
    layers = [built(c, seed=8) for c in (keras.layers.RNN, keras.layers.RNN, Recurrence)]
    first, *others = (np.array(layer(X, training=True)) for layer in layers)
    for other in others:
        np.testing.assert_array_equal(other, first)
