"""Gradients of a cell in `keras.layers.RNN` are those of its equations."""

import keras
import numpy as np
import pytest
from support.differentiation import outputs_and_gradients
from support.reference import Equations, central_differences, weighted_sum
from support.sequences import (
    MASK,
    VARIANTS,
    arrays,
    assert_all_close,
    build_cell,
    sample,
)


@pytest.mark.parametrize("mask", [None, MASK], ids=["unmasked", "masked"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_are_central_differences(variant, mask):
    cell = build_cell(variant, dtype="float64")
    x, states = sample(cell)
    weights = arrays(cell)

    def loss():
        return weighted_sum(Equations(cell, weights).over_time(x, states, mask))

    expected = [central_differences(loss, a) for a in (x, *states, *weights.values())]
    layer = keras.layers.RNN(cell, return_sequences=True, return_state=True, dtype="float64")
    _, gradients = outputs_and_gradients(layer, x, states, mask)

    assert_all_close(gradients, expected, 1e-7)
    assert all(np.any(gradient) for gradient in gradients)
