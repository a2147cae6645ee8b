"""Each cell computes its equations, and the equations mean what the field says they mean."""

import keras
import numpy as np
import pytest
from support.reference import Equations
from support.sequences import (
    INPUT_DIM,
    UNITS,
    VARIANTS,
    arrays,
    assert_all_close,
    build_cell,
    sample,
)

from zoo.cells import (
    CELLS,
    GRUCell,
    LSTMCell,
    PeepholeLSTMCell,
    ResetAfterGRUCell,
    RNNCell,
    SimplifiedGRUCell,
)

TOLERANCES = {"float64": 1e-9, "float32": 1e-5}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_one_step_is_the_equations(variant, dtype):
    cell = build_cell(variant, dtype=dtype)
    x, states = sample(cell, timesteps=1, dtype=dtype)
    expected = Equations(cell, arrays(cell)).step(x[:, 0].T, *(s.T for s in states))

    output, new_states = cell(x[:, 0], states)

    assert_all_close(new_states, [state.T for state in expected], TOLERANCES[dtype])
    np.testing.assert_array_equal(output, new_states[0])


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_sequence_is_the_equations(variant, dtype):
    cell = build_cell(variant, dtype=dtype)
    x, states = sample(cell, dtype=dtype)
    layer = keras.layers.RNN(cell, return_sequences=True, return_state=True, dtype=dtype)
    equations = Equations(cell, arrays(cell))

    assert_all_close(layer(x), equations.over_time(x), TOLERANCES[dtype])
    assert_all_close(
        layer(x, initial_state=states), equations.over_time(x, states), TOLERANCES[dtype]
    )


@pytest.mark.parametrize(
    ("activation", "recurrent_activation"),
    [("relu", "sigmoid"), ("tanh", "hard_sigmoid"), ("linear", "softplus"), ("silu", "silu")],
)
@pytest.mark.parametrize("variant", VARIANTS)
def test_chosen_activations_are_used(variant, activation, recurrent_activation):
    options = {"activation": activation, "recurrent_activation": recurrent_activation}
    if variant == "rnn":
        del options["recurrent_activation"]
    if variant == "peephole_lstm":
        options["output_activation"] = "softplus"
    cell = build_cell(variant, dtype="float64", **options)
    x, states = sample(cell, timesteps=1)
    expected = Equations(cell, arrays(cell)).step(x[:, 0].T, *(s.T for s in states))

    assert_all_close(cell(x[:, 0], states)[1], [state.T for state in expected], 1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_bias(variant):
    cell = build_cell(variant, use_bias=False, dtype="float64")
    x, states = sample(cell)
    layer = keras.layers.RNN(cell, return_sequences=True, return_state=True, dtype="float64")

    assert cell.bias is None
    expected = Equations(cell, arrays(cell)).over_time(x, states)
    assert_all_close(layer(x, initial_state=states), expected, 1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_is_project_then_step(variant):
    cell = build_cell(variant)
    x, states = sample(cell, dtype="float32")
    projected = cell.project(x)  # of all steps at once

    output, new_states = cell.step(projected[:, 2], states)

    assert projected.shape == (*x.shape[:2], len(cell.gates) * UNITS)
    expected_output, expected_states = cell(x[:, 2], states)
    assert_all_close([output, *new_states], [expected_output, *expected_states], 1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_are_laid_out_in_blocks_of_gates(variant):
    cell = build_cell(variant)
    width = len(cell.gates) * UNITS
    assert cell.kernel.shape == (INPUT_DIM, width)
    assert cell.recurrent_kernel.shape == (UNITS, width)
    assert cell.bias.shape == (width,)
    taken = np.concatenate([np.arange(width)[cell.columns(gate)] for gate in cell.gates])
    np.testing.assert_array_equal(taken, np.arange(width))


def test_gates_carry_their_names():
    assert set(SimplifiedGRUCell.gates) == {"candidate", "update"}
    assert set(GRUCell.gates) == {"candidate", "update", "relevance"}
    assert set(ResetAfterGRUCell.gates) == {"candidate", "update", "reset"}
    assert set(LSTMCell.gates) == {"candidate", "update", "forget", "output"}
    assert PeepholeLSTMCell.gates == LSTMCell.gates
    assert set(CELLS.values()) == {cell_class for cell_class, _ in VARIANTS.values()}


def test_stacked_matrix_of_a_vocabulary_of_ten_thousand():
    cell = RNNCell(100)
    cell.build((None, 10_000))
    W_a = np.concatenate([cell.recurrent_kernel, cell.kernel]).T
    assert W_a.shape == (100, 10_100)


def test_initial_state_is_zero():
    for variant in VARIANTS:
        cell = build_cell(variant)
        sizes = cell.state_size if isinstance(cell.state_size, list) else [cell.state_size]
        states = cell.get_initial_state(4)
        assert [state.shape for state in states] == [(4, size) for size in sizes]
        assert not any(np.any(state) for state in states)
        assert cell.output_size == UNITS


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
