"""What the gates of a cell mean, and what only some cells have."""

import keras
import numpy as np
import pytest
from support.sequences import INPUT_DIM, UNITS, assert_all_close, build_cell, sample

from zoo.cells import CELLS, LSTMCell, PeepholeLSTMCell, RNNCell


def _set_gate(cell, gate, bias):
    """Fixes a sigmoid gate at 0 or 1: nothing but a large bias reaches it."""
    columns = cell.columns(gate)
    for weight in (cell.kernel, cell.recurrent_kernel):
        value = np.array(weight)
        value[:, columns] = 0
        weight.assign(value)
    value = np.array(cell.bias)
    value[columns] = bias
    cell.bias.assign(value)


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
    for gate, bias in settings.items():
        _set_gate(cell, gate, bias)
    x, states = sample(cell, dtype="float32")
    *_, memory = keras.layers.RNN(cell, return_state=True)(x, initial_state=states)
    np.testing.assert_allclose(memory, states[-1], atol=1e-6)


def _copy_gates(source, target, names, sign=None):
    """Copies the column blocks of gates; `sign` negates some."""
    for weight in ("kernel", "recurrent_kernel", "bias"):
        value = np.array(getattr(target, weight))
        for of_source, of_target in names.items():
            block = np.array(getattr(source, weight))[..., source.columns(of_source)]
            value[..., target.columns(of_target)] = (sign or {}).get(of_target, 1) * block
        getattr(target, weight).assign(value)


def test_full_gru_with_open_relevance_is_the_simplified_one():
    full, simplified = build_cell("gru"), build_cell("simplified_gru")
    _set_gate(full, "relevance", OPEN)
    _copy_gates(full, simplified, {"candidate": "candidate", "update": "update"})
    x, states = sample(full, timesteps=1, dtype="float32")
    assert_all_close([full(x[:, 0], states)[0]], [simplified(x[:, 0], states)[0]], 1e-6)


def test_reset_before_and_after_the_product():
    before, after = build_cell("gru"), build_cell("reset_after_gru")
    names = {"candidate": "candidate", "relevance": "reset", "update": "update"}
    _copy_gates(before, after, names, sign={"update": -1})  # the opposite sense of the update
    x, states = sample(before, timesteps=1, dtype="float32")
    outputs = [cell(x[:, 0], states)[0] for cell in (before, after)]
    assert np.max(np.abs(outputs[0] - outputs[1])) > 1e-3

    _set_gate(before, "relevance", OPEN)
    _set_gate(after, "reset", OPEN)
    outputs = [cell(x[:, 0], states)[0] for cell in (before, after)]
    assert_all_close(outputs[:1], outputs[1:], 1e-6)


@pytest.mark.parametrize("variant", ["peephole_lstm", "diagonal_peephole_lstm"])
def test_shut_peepholes_leave_an_lstm(variant):
    peephole, lstm = build_cell(variant), build_cell("lstm")
    peephole.peephole_kernel.assign(np.zeros(peephole.peephole_kernel.shape))
    _copy_gates(peephole, lstm, {gate: gate for gate in LSTMCell.gates})
    x, states = sample(lstm, timesteps=1, dtype="float32")
    assert_all_close(peephole(x[:, 0], states)[1], lstm(x[:, 0], states)[1], 1e-6)


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
