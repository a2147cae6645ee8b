"""LiteRT's own LSTM: one operator for each direction, where its converter can be led to it.

The converter puts the operator in the place of a function that is marked as Keras once marked its
LSTM, if the number of rows is known and no state is asked for. The operator knows no masks, and
keeps its state from one request to the next. So it is given the steps that count, and none else,
and before them one that shuts all gates, which leaves a state of 0. That of a state that is no
number would be none again: what could make one is kept from the operator, and the answer is NaN.
"""

import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from zoo.cells import LSTMCell
from zoo.cells.typing import Tensor, Tensors
from zoo.layers import Recurrence
from zoo.layers.operators import Operator

_GATES = ("update", "forget", "candidate", "output")  # in the order of the converter
_SHUT = -1e4  # σ of it and what else goes into a gate is 0
_LARGEST = 1e30  # of a number that cannot make an infinite one of a state


def litert_operator(sequences: Tensor, *directions: Recurrence) -> Operator | None:
    """A `zoo.layers.operators.Writer`: of one row, and of plain LSTMs whose states nobody reads."""
    if sequences.shape[0] != 1 or not all(map(_is_known, directions)):
        return None
    with tf.init_scope():  # outside of the graph, where weights have values
        weights = [_weights_of(direction.cell) for direction in directions]

    def run(
        sequences: Tensor, states: Sequence[Tensors] | None, mask: Tensor | None
    ) -> tuple[Tensor, Sequence[Tensors]]:
        (x,) = tf.unstack(sequences)  # (timesteps, n)
        counts = tf.ones(tf.shape(x)[:1], tf.bool) if mask is None else tf.reshape(mask, [-1])
        counts = tf.cast(counts, tf.bool)
        steps = tf.gather(x, tf.where(counts)[:, 0])
        fit = tf.abs(steps) < _LARGEST
        nan = tf.where(tf.reduce_all(fit), 0.0, np.nan)
        steps = tf.pad(tf.where(fit, steps, 0.0), [[0, 0], [0, 1]])
        shut = tf.one_hot([x.shape[1]], x.shape[1] + 1)  # what the last input is for
        so_far = tf.cumsum(tf.cast(counts, tf.int32))
        outputs = []
        for direction, own in zip(directions, weights, strict=True):
            place = so_far
            if direction.go_backwards:
                place = so_far[-1:] - so_far + tf.cast(counts, tf.int32)
            if direction.zero_output_for_mask:
                place = tf.where(counts, place, 0)
            order = tf.reverse(steps, [0]) if direction.go_backwards else steps
            y = _lstm(tf.concat([shut, order], axis=0), own)
            outputs.append(tf.gather(y, place))  # 0 before the first that counts
        return tf.concat(outputs, axis=1)[None] + nan, [states or ()]

    return run


def _is_known(direction: Recurrence) -> bool:
    """Whether the operator can stand for this, whose final states are not returned."""
    plain = type(direction.cell) is LSTMCell and direction.cell.is_standard
    return plain and not (direction.return_state or direction.stateful)


def _weights_of(cell: Any) -> list[np.ndarray]:
    """Kernel, with a last input that shuts the gates, recurrent kernel and bias."""
    shut = {gate: 0.0 if gate == "candidate" else _SHUT for gate in _GATES}
    bias = ops.convert_to_numpy(cell.bias) if cell.use_bias else np.zeros(4 * cell.units)
    kernel, recurrent = map(ops.convert_to_numpy, (cell.kernel, cell.recurrent_kernel))
    last = np.concatenate([np.full(cell.units, shut[gate]) for gate in cell.gates])
    order = np.concatenate([np.r_[cell.columns(gate)] for gate in _GATES])
    arrays = np.concatenate([kernel, last[None]]), recurrent, bias
    return [array[..., order].astype("float32") for array in arrays]


def _lstm(steps: Tensor, weights: Sequence[np.ndarray]) -> Tensor:
    """Outputs (timesteps, units) of steps (timesteps, n), from states of 0."""
    units = len(weights[1])
    mark = {
        "api_implements": f"lstm_{uuid.uuid4()}",
        "api_preferred_device": "CPU",
        "time_major": False,
        "go_backwards": False,
    }
    marked = tf.function(_standard_lstm, autograph=False, experimental_attributes=mark)
    state = tf.zeros((1, units))
    return marked(steps[None], state, state, *map(tf.constant, weights))[1][0]


def _standard_lstm(
    x: Tensor, a: Tensor, c: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor
) -> Tensors:
    """The arguments and results of Keras' function; the converter does not look inside."""
    outputs = tf.zeros((1, tf.shape(x)[1], recurrent.shape[0])) + tf.reduce_sum(x)
    return outputs[:, 0] + a, outputs, a, c, tf.constant(0.0)
