"""Cells that Keras has too, against the layers of Keras under a written mapping of weights."""

import keras
import numpy as np
import pytest
from support.sequences import INPUT_DIM, UNITS, assert_all_close, build_cell, sample

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
