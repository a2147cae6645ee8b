"""What the gates of a cell mean, and what only some cells have."""

import keras
import numpy as np
import pytest
from support.sequences import INPUT_DIM, UNITS, build_cell, sample

from zoo.cells import CELLS, PeepholeLSTMCell, RNNCell

SHUT, OPEN = -100.0, 100.0


@pytest.mark.parametrize(
    ("variant", "settings"),
    [
        ("simplified_gru", {"update": SHUT}),
        ("gru", {"update": SHUT}),
        ("reset_after_gru", {"update": OPEN}),
        ("lstm", {"update": SHUT, "forget": OPEN}),
    ],
)
def test_a_gate_near_its_end_keeps_the_memory(variant, settings):
    cell = build_cell(variant)
    for gate, bias in settings.items():  # nothing but a large bias reaches a sigmoid
        for weight, value in ((cell.kernel, 0), (cell.recurrent_kernel, 0), (cell.bias, bias)):
            array = np.array(weight)
            array[..., cell.columns(gate)] = value
            weight.assign(array)
    x, states = sample(cell, dtype="float32")
    *_, memory = keras.layers.RNN(cell, return_state=True)(x, initial_state=states)
    np.testing.assert_allclose(memory, states[-1], atol=1e-6)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="none"):
        PeepholeLSTMCell(4, peephole="none")
    with pytest.raises(TypeError, match="recurrent_activation"):
        RNNCell(4, recurrent_activation="sigmoid")


@pytest.mark.parametrize("peephole", ["full", "diagonal"])
def test_peephole_weights_take_their_arguments(peephole):
    cell = PeepholeLSTMCell(
        UNITS,
        peephole=peephole,
        peephole_initializer="ones",
        peephole_regularizer=keras.regularizers.L1(1.0),
        peephole_constraint="non_neg",
    )
    cell.build((None, INPUT_DIM))
    shape = (UNITS, 3 * UNITS) if peephole == "full" else (3 * UNITS,)
    np.testing.assert_array_equal(cell.peephole_kernel, np.ones(shape))
    np.testing.assert_allclose(sum(cell.losses), np.prod(shape))
    assert isinstance(cell.peephole_kernel.constraint, keras.constraints.NonNeg)


@pytest.mark.parametrize("name", ["lstm", "peephole_lstm"])
def test_unit_forget_bias(name):
    for wanted in (True, False):
        sevens = keras.initializers.Constant(7)
        cell = CELLS[name](UNITS, unit_forget_bias=wanted, bias_initializer=sevens)
        cell.build((None, INPUT_DIM))
        expected = np.full(4 * UNITS, 7.0)
        if wanted:
            expected[cell.columns("forget")] = 1
        np.testing.assert_array_equal(cell.bias, expected)
