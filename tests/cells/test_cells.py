"""What holds for every cell, as `support.cell_case` says; dropout, options, those of Keras."""

import re

import keras
import numpy as np
import pytest
from support.cell_case import ALL_OUTPUTS, CHECKS, IN_LAYERS, assert_equations, check_drawn_zoneout
from support.differentiation import outputs_and_gradients
from support.sequences import (
    BATCH,
    INPUT_DIM,
    MASK,
    TIMESTEPS,
    UNITS,
    VARIANTS,
    assert_all_close,
    build_cell,
    sample,
)

from zoo.cells import CELLS, LSTMCell, PeepholeLSTMCell, RNNCell
from zoo.layers import Recurrence


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("variant", VARIANTS)
def test_cell(variant, check):
    check(variant)


@pytest.mark.parametrize("layer_class", [Recurrence, keras.layers.RNN])
@pytest.mark.parametrize("check", IN_LAYERS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("variant", VARIANTS)
def test_cell_in_a_layer(variant, check, layer_class):
    check(variant, layer_class)


WIDTH, RATE = 200, 0.4
X = np.ones((BATCH, 5, WIDTH), "float32")


def built(layer_class, **options):
    """A layer whose output at every step is the dropped input itself: h<t> = x<t>."""
    options |= {"activation": "linear", "use_bias": False, "dropout": RATE}
    cell = build_cell("rnn", units=WIDTH, input_dim=WIDTH, **options)
    cell.kernel.assign(np.eye(WIDTH))
    cell.recurrent_kernel.assign(np.zeros((WIDTH, WIDTH)))
    return layer_class(cell, return_sequences=True)


@pytest.mark.parametrize("layer_class", [keras.layers.RNN, Recurrence])
def test_one_mask_of_the_inputs_per_sequence_in_training(layer_class):
    layer = built(layer_class)
    dropped = np.array(layer(X, training=True))
    np.testing.assert_array_equal(dropped, np.repeat(dropped[:, :1], 5, axis=1))
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / (1 - RATE)], rtol=1e-6)
    # 1200 draws: a fraction within five standard deviations.
    deviation = np.sqrt(RATE * (1 - RATE) / (BATCH * WIDTH))
    assert abs(np.mean(dropped[:, 0] == 0) - RATE) < 5 * deviation
    assert np.any(dropped[0, 0] != dropped[1, 0])  # each sequence draws its own
    assert np.any(dropped != np.array(layer(X, training=True)))  # and each call
    np.testing.assert_array_equal(layer(X), X)  # in inference there is none


def test_a_seed_fixes_the_mask():
    layers = [built(c, seed=8) for c in (keras.layers.RNN, keras.layers.RNN, Recurrence)]
    first, *others = (np.array(layer(X, training=True)) for layer in layers)
    for other in others:
        np.testing.assert_array_equal(other, first)


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


KEEPING = {  # the gates that keep, the first of them also by a number, and by which sign
    "simplified_gru": {"update": -1},
    "gru": {"update": -1},
    "reset_after_gru": {"update": 1},
    "lstm": {"forget": 1, "update": -1},
    "peephole_lstm": {"forget": 1, "update": -1},
}


def blind(name):
    """Options of a cell whose gates do not see its state."""
    weights = ("recurrent", *(["peephole"] if "peephole" in name else []))
    return {f"{weight}_initializer": "zeros" for weight in weights}


@pytest.mark.parametrize("name", KEEPING)
def test_remember_is_the_bias_of_the_gate_that_keeps(name):
    def biases(**options):
        sevens = keras.initializers.Constant(7)
        cell = CELLS[name](units, bias_initializer=sevens, **blind(name), **options)
        cell.build((None, INPUT_DIM))
        return {gate: np.array(cell.bias[cell.columns(gate)]) for gate in cell.gates}

    units, gate = 500, next(iter(KEEPING[name]))
    others = dict.fromkeys(CELLS[name].gates, 7)
    starts = [({"remember": b}, {gate: b * KEEPING[name][gate]}) for b in (2.5, 0)]
    starts += [({"remember": None}, {}), ({}, {"forget": 1} if "lstm" in name else {})]
    if "lstm" in name:
        starts += [({"unit_forget_bias": b}, {"forget": 1} if b else {}) for b in (True, False)]
    for options, changed in starts:
        for of_gate, expected in (others | changed).items():
            np.testing.assert_array_equal(biases(**options)[of_gate], np.full(units, expected))

    found = biases(remember="chrono:100")
    kept = np.exp(found[gate] * KEEPING[name][gate])  # uniform from 1 to 99
    assert 1 <= kept.min() < 3
    assert 97 < kept.max() <= 99.001
    assert abs(kept.mean() - 50) < 5 * 98 / np.sqrt(12 * units)
    for of_gate in CELLS[name].gates:
        sign = KEEPING[name].get(of_gate)
        expected = sign * np.log(kept) if sign else np.full(units, 7)
        np.testing.assert_allclose(found[of_gate], expected, rtol=1e-5, atol=1e-5)
    assert np.any(biases(remember="chrono:100")[gate] != found[gate])


@pytest.mark.parametrize("name", KEEPING)
def test_what_remember_promises(name):
    """A cell that sees nothing keeps σ(b) of its memory at a step."""
    cell = CELLS[name](UNITS, remember=3, **blind(name))
    states = [np.full((1, UNITS), 0.5, "float32") for _ in cell.get_initial_state(1)]
    *_, new = cell(np.zeros((1, INPUT_DIM), "float32"), states)[1]
    np.testing.assert_allclose(new, np.full((1, UNITS), 0.5 / (1 + np.exp(-3))), rtol=1e-5)


@pytest.mark.parametrize("remember", ["chrono", "chrono:", "chrono:2", "four", "nan", True, [4]])
def test_what_remember_cannot_be(remember):
    with pytest.raises(
        ValueError, match=re.escape(f"chrono:STEPS with 3 steps or more. Received: {remember!r}")
    ):
        LSTMCell(UNITS, remember=remember)


def test_cells_without_such_gates_or_products_refuse():
    with pytest.raises(ValueError, match="RNNCell has no gate that keeps"):
        RNNCell(UNITS, remember=4)

    class Plain(RNNCell):
        products = ()

    with pytest.raises(ValueError, match="Plain does not take `layer_norm`"):
        Plain(UNITS, layer_norm=True)


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v != "normalized_gru"])
def test_layer_normalization_and_zoneout_are_their_equations(variant):
    options = {"layer_norm": True, "zoneout": 0.3, "dtype": "float64"}
    cell = assert_equations(variant, tolerance=1e-8, **options)
    gains = {"kernel_gain": len(cell.gates) * UNITS, "recurrent_gain": len(cell.gates) * UNITS}
    if "lstm" in variant:
        gains |= {"memory_gain": UNITS, "memory_shift": UNITS}
    shapes = {weight.name: weight.shape for weight in cell.trainable_variables}
    assert {name: shape for name, shape in shapes.items() if name in gains} == {
        name: (size,) for name, size in gains.items()
    }


def test_a_standard_cell_has_the_equations_alone():
    for name, cell_class in CELLS.items():
        assert cell_class(UNITS, dropout=0.5, use_bias=False).is_standard, name
        for option in ({"layer_norm": True}, {"zoneout": 0.1}, {"activation": "relu"}):
            assert not cell_class(UNITS, **option).is_standard
    assert not LSTMCell(UNITS, output_activation=None).is_standard
    assert not LSTMCell(UNITS, zoneout=[0, 0.5]).is_standard


@pytest.mark.parametrize("variant", ["lstm", "diagonal_peephole_lstm", "gru"])
def test_zoneout_in_training(variant):
    check_drawn_zoneout(variant)


@pytest.mark.parametrize("options", [{}, {"layer_norm": True}], ids=str)
def test_zoneout_holds_its_share_of_entries_at_every_step(options):
    """Of hidden states and of memories as many as their rates say, others at every step."""
    rates = 0.2, 0.6
    cell = build_cell("lstm", units=WIDTH, input_dim=INPUT_DIM, zoneout=rates, **options)
    x, states = sample(cell, dtype="float32")
    layer = Recurrence(cell, return_sequences=True, return_state=True)
    one_step = layer(x[:, :1], initial_state=states, training=True)[1:]
    for new, old, rate in zip(one_step, states, rates, strict=True):
        deviation = np.sqrt(rate * (1 - rate) / new.shape[0] / WIDTH)
        assert abs(np.mean(np.array(new) == old) - rate) < 5 * deviation
    outputs = np.array(layer(x, initial_state=states, training=True)[0])
    held = outputs[:, 1:] == outputs[:, :-1]
    both = np.mean(held[:, 0] & held[:, 1])
    assert abs(both - rates[0] ** 2) < 5 * np.sqrt(both / BATCH / WIDTH)


@pytest.mark.parametrize("variant", ["diagonal_peephole_lstm", "gru"])
def test_gradients_under_zoneout_are_finite_differences(variant):
    """With a mask, both ways, along a direction; the entries that are drawn are the same."""
    options = {"go_backwards": variant == "gru", "dtype": "float64"} | ALL_OUTPUTS
    cell = build_cell(variant, zoneout=0.4, dtype="float64", seed=3)
    layer, seed = Recurrence(cell, **options), np.array(cell.seed_generator.state)
    x, states = sample(cell)
    layer.build(x.shape)
    arrays = [x, *states, *map(np.array, layer.trainable_variables)]
    directions = [np.random.default_rng(1).normal(size=array.shape) for array in arrays]

    def differentiated(distance):
        """The sum of which `differentiate` has the gradients, and these."""
        x, *others = (a + distance * d for a, d in zip(arrays, directions, strict=True))
        for weight, moved in zip(layer.trainable_variables, others[len(states) :], strict=True):
            weight.assign(moved)
        cell.seed_generator.state.assign(seed)
        outputs, gradients = outputs_and_gradients(layer, x, others[: len(states)], MASK)
        generator = np.random.default_rng(11)
        return sum(np.sum(generator.normal(size=y.shape) * y) for y in outputs), gradients

    (above, _), (below, _), (_, gradients) = map(differentiated, (1e-5, -1e-5, 0))
    slope = sum(np.sum(d * g) for d, g in zip(directions, gradients, strict=True))
    assert slope == pytest.approx((above - below) / 2e-5, rel=1e-6)
    assert any(np.any(drawn) for drawn in cell.draw_zoneout((TIMESTEPS, BATCH), True))


GRU_GATES = ("update", "relevance", "candidate")
RESET_AFTER_GATES = ("update", "reset", "candidate")


@pytest.mark.parametrize(
    ("variant", "layer_class", "gates", "options"),
    [  # the gates in the order of the blocks of Keras
        ("rnn", keras.layers.SimpleRNN, ("activation",), {}),
        ("lstm", keras.layers.LSTM, ("update", "forget", "candidate", "output"), {}),
        ("gru", keras.layers.GRU, GRU_GATES, {"reset_after": False}),
        ("reset_after_gru", keras.layers.GRU, RESET_AFTER_GATES, {"reset_after": True}),
    ],
)
def test_same_outputs_as_keras(variant, layer_class, gates, options):
    cell = build_cell(variant)
    # The update gate of this unit has the opposite sense in Keras: σ(-z) = 1 - σ(z).
    signs = {"update": -1} if variant == "gru" else {}
    kernel, recurrent_kernel, bias = (
        np.concatenate(
            [signs.get(gate, 1) * weight[..., cell.columns(gate)] for gate in gates], axis=-1
        )
        for weight in cell.get_weights()
    )
    if variant == "reset_after_gru":  # Keras has another bias, inside r * (U h + b'), here 0
        bias = np.stack([bias, np.zeros_like(bias)])
    options = options | {"return_sequences": True, "return_state": True}
    of_keras = layer_class(UNITS, **options)
    of_keras.build((None, None, INPUT_DIM))
    of_keras.set_weights([kernel, recurrent_kernel, bias])
    ours = keras.layers.RNN(cell, return_sequences=True, return_state=True)
    x, states = sample(cell, dtype="float32")
    assert_all_close(ours(x, initial_state=states), of_keras(x, initial_state=states), 1e-5)
