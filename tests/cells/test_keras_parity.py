"""Cells that Keras has too, against the layers of Keras under a written mapping of weights."""

import keras
import numpy as np
import pytest
from support.differentiation import outputs_and_gradients
from support.sequences import INPUT_DIM, MASK, UNITS, assert_all_close, build_cell, sample

# {block of the Keras layer, in its order: block of the cell}
LSTM_BLOCKS = {"i": "update", "f": "forget", "c": "candidate", "o": "output"}
GRU_BLOCKS = {"z": "update", "r": "relevance", "h": "candidate"}
RESET_AFTER_BLOCKS = {"z": "update", "r": "reset", "h": "candidate"}


class Mapping:
    """Carries arrays shaped like the weights of a cell over to those of a Keras layer.

    Args:
        cell: the cell.
        blocks: its gates in the order of the Keras layer.
        negated: a gate whose sense is the opposite in Keras: σ(-z) = 1 - σ(z).
        second_bias: whether Keras has another bias, inside r * (U h + b'), which is 0 here.
    """

    def __init__(self, cell, blocks, negated=None, second_bias=False):
        self.columns = [cell.columns(gate) for gate in blocks]
        self.signs = [-1 if gate == negated else 1 for gate in blocks]
        self.second_bias = second_bias

    def __call__(self, kernel, recurrent_kernel, bias):
        kernel, recurrent_kernel, bias = (
            np.concatenate(
                [s * np.array(a)[..., c] for s, c in zip(self.signs, self.columns, strict=True)],
                axis=-1,
            )
            for a in (kernel, recurrent_kernel, bias)
        )
        if self.second_bias:
            bias = np.stack([bias, np.zeros_like(bias)])
        return [kernel, recurrent_kernel, bias]


CASES = {
    "SimpleRNN": ("rnn", keras.layers.SimpleRNN, {}, {"blocks": ["activation"]}),
    "LSTM": ("lstm", keras.layers.LSTM, {}, {"blocks": LSTM_BLOCKS.values()}),
    "GRU(reset_after=False)": (
        "gru",
        keras.layers.GRU,
        {"reset_after": False},
        {"blocks": GRU_BLOCKS.values(), "negated": "update"},
    ),
    "GRU(reset_after=True)": (
        "reset_after_gru",
        keras.layers.GRU,
        {"reset_after": True},
        {"blocks": RESET_AFTER_BLOCKS.values(), "second_bias": True},
    ),
}


@pytest.mark.parametrize("mask", [None, MASK], ids=["unmasked", "masked"])
@pytest.mark.parametrize("case", CASES)
def test_same_outputs_and_gradients_as_keras(case, mask):
    variant, layer_class, options, mapping = CASES[case]
    cell = build_cell(variant)
    to_keras = Mapping(cell, **mapping)
    x, states = sample(cell, dtype="float32")
    options = options | {"return_sequences": True, "return_state": True}
    of_keras = layer_class(UNITS, **options)
    of_keras.build((None, None, INPUT_DIM))
    of_keras.set_weights(to_keras(*cell.get_weights()[:3]))
    ours = keras.layers.RNN(cell, return_sequences=True, return_state=True)

    outputs, gradients = outputs_and_gradients(ours, x, states, mask)
    expected_outputs, expected_gradients = outputs_and_gradients(of_keras, x, states, mask)

    assert_all_close(outputs, expected_outputs, 1e-5)
    given = 1 + len(states)
    assert_all_close(gradients[:given], expected_gradients[:given], 1e-5)
    weights, expected_weights = to_keras(*gradients[given:]), expected_gradients[given:]
    if to_keras.second_bias:
        weights[2], expected_weights[2] = weights[2][0], expected_weights[2][0]
    assert_all_close(weights, expected_weights, 1e-5)
