"""What holds for every cell, as `support.cell_case` says; dropout, options, those of Keras."""

import keras
import numpy as np
import pytest
from support.cell_case import CHECKS, IN_LAYERS
from support.sequences import (
    BATCH,
    INPUT_DIM,
    UNITS,
    VARIANTS,
    assert_all_close,
    build_cell,
    sample,
)

from zoo.cells import CELLS, PeepholeLSTMCell, RNNCell
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
