"""Recurrences that `keras.layers.LSTM` and `GRU` run, by cuDNN where there is a GPU.

Four cells are theirs, or a case of theirs:

- the LSTM, with its column blocks in another order;
- the GRU with the reset after the product;
- the simplified GRU, which is that GRU with its reset gate held open and its update gate negated;
- the RNN unit, which is that GRU with its reset gate held open and its update gate held shut.

A gate is held by a bias so large that the sigmoid of it is 0 or 1 to the last digit. Masks are held
in the same way: cuDNN knows none but those of rows padded at the end. The steps that count are
moved to the front of their row, in the order in which they are read, and the inputs get one more
column, 1 where nothing is left, whose weights hold the memory as it is. What comes out is moved
back. So every mask has the meaning that it has in `keras.layers.RNN`, rows without a step included.
"""

import contextlib
import functools
import threading
from typing import Any, NamedTuple

import keras
from keras import ops

from zoo.cells import LSTMCell, RecurrentCell, ResetAfterGRUCell, RNNCell, SimplifiedGRUCell
from zoo.cells.typing import Tensor, Tensors

_HELD = 1e4  # σ of it is 1, and of its negative 0, in float16 as well
_FILLING = threading.RLock()  # a layer of Keras has the weights of one call at a time
_MULTIPLE = 8  # of columns of inputs, which matrix units read at once


class _Gate(NamedTuple):
    """A block of columns of a layer of Keras.

    Attributes:
        of: the gate of the zoo's cell, None for one that is held.
        negated: whether it is open where the zoo's is shut.
        bias: added to the bias of the zoo.
        padding: the weight of the column of 1 where no step is left.
    """

    of: str | None
    negated: bool = False
    bias: float = 0.0
    padding: float = 0.0


_OPEN, _SHUT = _Gate(None, bias=_HELD), _Gate(None, bias=-_HELD, padding=2 * _HELD)
_GATES: dict[type[RecurrentCell], tuple[_Gate, ...]] = {
    LSTMCell: (
        _Gate("update", padding=-_HELD),
        _Gate("forget", padding=_HELD),
        _Gate("candidate"),
        _Gate("output"),
    ),
    ResetAfterGRUCell: (_Gate("update", padding=_HELD), _Gate("reset"), _Gate("candidate")),
    SimplifiedGRUCell: (_Gate("update", negated=True, padding=_HELD), _OPEN, _Gate("candidate")),
    RNNCell: (_SHUT, _OPEN, _Gate("activation")),
}


def takes(cell: Any) -> bool:
    """Whether a layer of Keras computes what the cell does, on any machine."""
    return type(cell) in _GATES and cell.is_standard


def run(
    cell: RecurrentCell,
    sequences: Tensor,
    initial_state: Tensors,
    mask: Tensor | None,
    backwards: bool = False,
) -> tuple[Tensor, Tensors]:
    """A recurrence in one direction.

    Args:
        cell: a built cell that `takes` takes; it drops nothing here.
        sequences: (batch, timesteps, input_dim).
        initial_state: list of (batch, units).
        mask: (batch, timesteps), boolean, or None; a state does not change where it is False.
        backwards: whether to begin with the last step.

    Returns:
        The outputs, (batch, timesteps, units), each at its own step in both directions, 0 before
        the first step that counts; and the list of final states.
    """
    dtype = _dtype_of(cell)
    states = [ops.cast(state, dtype) for state in initial_state]
    sequences = ops.cast(sequences, dtype)
    if mask is None:
        x = ops.flip(sequences, axis=1) if backwards else sequences
        outputs, *final = _call([cell], x, 0, initial_state=states)
        return ops.flip(outputs, axis=1) if backwards else outputs, final
    x, added = _packed(sequences, mask, backwards)
    outputs, *final = _call([cell], x, added, initial_state=states)
    reached = ops.sum(ops.cast(mask, "int32"), axis=1)[:, None]  # the last step of all, from 1
    last = ops.squeeze(_at(outputs, reached - 1), axis=1)
    final[0] = ops.where(reached > 0, last, states[0])  # the memory is held, what it shows is not
    return _at(outputs, _counts(mask, backwards) - 1), final


def run_both(
    forward: RecurrentCell, backward: RecurrentCell, sequences: Tensor, mask: Tensor | None
) -> Tensor:
    """Both directions from states of 0, in one call where Keras has one.

    Args:
        forward, backward: cells of one class, of as many units.
        sequences, mask: as of `run`.

    Returns:
        The outputs side by side, (batch, timesteps, 2 * units).
    """
    cells = [forward, backward]
    sequences = ops.cast(sequences, _dtype_of(forward))
    if mask is None:
        return ops.concatenate(_call(cells, sequences, 0)[:2], axis=-1)
    # From states of 0 the direction that meets the padding first is still at 0 behind it.
    ahead, behind = _call(cells, *_packed(sequences, mask))[:2]
    count, real = _counts(mask), ops.cast(mask, "int32")
    left = count[:, -1:] > count - real  # whether a step from here on counts
    behind = _at(behind, ops.where(left, count - real, -1))
    return ops.concatenate([_at(ahead, count - 1), behind], axis=-1)


def _dtype_of(cell: RecurrentCell) -> str:
    """What the layer of Keras computes in."""
    low = keras.backend.backend() == "jax" and cell.compute_dtype in ("float16", "bfloat16")
    return "float32" if low else cell.compute_dtype  # jax.experimental.rnn has no other


def _call(
    cells: list[RecurrentCell], x: Tensor, added: int, **arguments: Any
) -> tuple[Tensor, ...]:
    """Calls the layer of Keras for a cell, or for the cells of two directions.

    `added` of the columns of `x` are padding.
    """
    with _FILLING:
        layer = layer_for(cells[0], directions=len(cells))
        layers = [layer] if len(cells) == 1 else [layer.forward_layer, layer.backward_layer]
        weights = [_weights_of(cell, added) for cell in cells]
        try:
            for one, tensors in zip(layers, weights, strict=True):
                one.cell.kernel, one.cell.recurrent_kernel, one.cell.bias = tensors
            return layer.call(x, **arguments)
        finally:
            for one in layers:  # which would be kept as long as the program runs
                one.cell.kernel = one.cell.recurrent_kernel = one.cell.bias = None


def layer_for(cell: RecurrentCell, directions: int = 1) -> keras.layers.Layer:
    """The layer of Keras for cells like this one, without weights of its own.

    It is made once, on TensorFlow outside of any graph: a graph that makes the variable that is the
    state of its unused generator of random numbers could not be made twice.
    """
    scope: Any = contextlib.nullcontext()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        scope = tf.init_scope()
    with scope:
        return _layer(isinstance(cell, LSTMCell), cell.units, _dtype_of(cell), directions)


@functools.cache
def _layer(lstm: bool, units: int, dtype: str, directions: int) -> keras.layers.Layer:
    kind = keras.layers.LSTM if lstm else keras.layers.GRU
    # Nothing here may draw a seed: those of a model must not depend on what runs it.
    weights = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros", "seed": 0}
    layer = kind(units, return_sequences=True, return_state=True, dtype=dtype, **weights)
    layers = [layer]
    if directions == 2:
        layer = keras.layers.Bidirectional(layer, merge_mode=None, dtype=dtype)
        layers = [layer, layer.forward_layer, layer.backward_layer]
    for one in layers:
        one.built = True
        if one is not layer or directions == 1:
            one.cell.built = True
    return layer


def _weights_of(cell: RecurrentCell, added: int) -> tuple[Tensor, Tensor, Tensor]:
    """Kernel, recurrent kernel and bias of a layer of Keras, with rows for columns of padding."""
    dtype, gates = _dtype_of(cell), _GATES[type(cell)]

    def blocks(weight: Tensor) -> Tensor:
        weight = ops.cast(weight, dtype)
        of = {name: weight[..., cell.columns(name)] for name in cell.gates}
        nothing = ops.zeros_like(of[cell.gates[0]])
        of_gates = (nothing if gate.of is None else of[gate.of] for gate in gates)
        signed = (-b if gate.negated else b for gate, b in zip(gates, of_gates, strict=True))
        return ops.concatenate([*signed], axis=-1)

    def constant(values: Any) -> Tensor:
        return ops.repeat(ops.convert_to_tensor([*values], dtype), cell.units)

    bias = ops.zeros((len(gates) * cell.units,), dtype) if cell.bias is None else blocks(cell.bias)
    if any(gate.bias for gate in gates):
        bias = bias + constant(gate.bias for gate in gates)
    kernel = blocks(cell.kernel)
    if added:
        padding = constant(gate.padding for gate in gates)[None]
        nothing = ops.zeros((added - 1, padding.shape[1]), dtype)
        kernel = ops.concatenate([kernel, padding, nothing], axis=0)
    if not isinstance(cell, LSTMCell):  # a GRU of Keras has a second bias, of the state
        bias = ops.stack([bias, ops.zeros_like(bias)])
    return kernel, blocks(cell.recurrent_kernel), bias


def _counts(mask: Tensor, backwards: bool = False) -> Tensor:
    """How many steps have counted at each, in the order of reading, (batch, timesteps)."""
    real = ops.cast(mask, "int32")
    counts = ops.cumsum(real, axis=1)
    return counts[:, -1:] - counts + real if backwards else counts


def _packed(sequences: Tensor, mask: Tensor, backwards: bool = False) -> tuple[Tensor, int]:
    """The steps that count at the front of each row, in the order of reading, and then padding.

    Returns:
        (batch, timesteps, input_dim + added), and the number of columns that are added: one that is
        1 in the padding, and as many of 0 as make the width a round number.
    """
    steps = ops.cumsum(ops.ones_like(mask, dtype="int32"), axis=1)
    order = ops.argsort((-steps if backwards else steps) + ops.where(mask, 0, 2 * steps[:, -1:]))
    mask = ops.take_along_axis(mask, order, axis=1)[..., None]
    x = ops.take_along_axis(sequences, order[..., None], axis=1)
    x = ops.where(mask, x, ops.zeros_like(x))
    added = 1 + -(x.shape[-1] + 1) % _MULTIPLE
    padding = ops.pad(ops.cast(~mask, x.dtype), ((0, 0), (0, 0), (0, added - 1)))
    return ops.concatenate([x, padding], axis=-1), added


def _at(outputs: Tensor, places: Tensor) -> Tensor:
    """The outputs at places (batch, n) of the time axis, 0 where a place is negative."""
    places = places[..., None]
    found = ops.take_along_axis(outputs, ops.maximum(places, 0), axis=1)
    return ops.where(places < 0, ops.zeros_like(found), found)
