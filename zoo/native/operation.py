"""The native operation as the layers use it: `takes` a cell, and `run` a recurrence."""

import functools
import os
from typing import Any

import keras
from keras import ops

from zoo import native
from zoo.cells import (
    GRUCell,
    LSTMCell,
    RecurrentCell,
    ResetAfterGRUCell,
    RNNCell,
    SimplifiedGRUCell,
)
from zoo.cells.typing import Tensor, Tensors

_KINDS = (LSTMCell, GRUCell, ResetAfterGRUCell, SimplifiedGRUCell, RNNCell)  # as in recurrence.h
_ATTRIBUTES = ("kind", "threads", "instructions", "reverse", "keep", "zero_masked", "time_major")


def takes(cell: Any) -> bool:
    """Whether the operation was built, and does what the cell does."""
    return (
        keras.backend.backend() == "tensorflow"
        and type(cell) in _KINDS
        and cell.is_standard
        and cell.compute_dtype == cell.variable_dtype == "float32"
        and native.is_on()
    )


def is_compiled_by_xla() -> bool:
    """Whether what is traced now is compiled by XLA, which cannot have the operation."""
    import tensorflow as tf

    # The test that TensorFlow's own layers make; it has no public name.
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

    return GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def run(
    cell: RecurrentCell,
    sequences: Tensor,
    initial_state: Tensors,
    mask: Tensor | None,
    training: bool | None,
    backwards: bool = False,
    zero_masked: bool = False,
    time_major: bool = False,
    projected: bool = False,
    side_by_side: int = 1,
    instructions: int = -1,
) -> tuple[Tensor, Tensors]:
    """A recurrence in one direction, differentiable once.

    Args:
        cell: a built cell that `takes` takes; it drops nothing here.
        sequences: (batch, timesteps, input_dim).
        initial_state: list of (batch, units).
        mask: (batch, timesteps), boolean, or None; a state does not change where it is False.
        training: whether what the gradient needs is kept; else one, if it is asked for, runs the
            recurrence again.
        backwards: whether to begin with the last step.
        zero_masked: whether masked outputs are 0, and not those before them.
        time_major: whether all but the states are (timesteps, batch, ...), the outputs too.
        projected: whether the sequences are what `cell.project` made of them.
        side_by_side: how many recurrences run at the same time, and share the threads.
        instructions: place of a set of instructions in `KERNELS`, -1 for the best.

    Returns:
        The outputs, (batch, timesteps, units), each at its own step in both directions, 0 before
        the first step that counts; and the list of final states.
    """
    import tensorflow as tf

    x = ops.convert_to_tensor(sequences, "float32")
    nothing = tf.zeros((0, 0))
    batch = tf.shape(x)[1 if time_major else 0]
    states = [ops.convert_to_tensor(state, "float32") for state in initial_state]
    states = [  # one for all sequences
        tf.broadcast_to(state, (batch, cell.units)) if state.shape[0] == 1 else state
        for state in states
    ]
    h, _, *final = _operations().zoo_recurrence(
        x,
        nothing if projected else ops.convert_to_tensor(cell.kernel),
        ops.convert_to_tensor(cell.recurrent_kernel),
        tf.zeros((0,)) if projected or cell.bias is None else ops.convert_to_tensor(cell.bias),
        *(states if len(states) == 2 else (*states, nothing)),
        tf.zeros((0, 0), tf.bool) if mask is None else mask,
        kind=_KINDS.index(type(cell)),
        threads=max(1, _threads() // side_by_side),
        instructions=instructions,
        reverse=backwards,
        keep=bool(training),
        zero_masked=zero_masked,
        time_major=time_major,
    )
    h.set_shape((*x.shape[:2], cell.units))
    for tensor, state in zip(final, states, strict=False):
        tensor.set_shape(state.shape)
    return h, final[: len(states)]


def _threads() -> int:
    """How many threads TensorFlow lets an operation have."""
    import tensorflow as tf

    return (
        tf.config.threading.get_intra_op_parallelism_threads()
        or int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0)
        or len(os.sched_getaffinity(0))
    )


@functools.cache
def _operations() -> Any:
    """The operations, with their gradients: loaded once."""
    import tensorflow as tf

    operations = tf.load_op_library(str(native.library()))

    @tf.RegisterGradient("ZooRecurrence")
    def _(op: Any, d_h: Tensor, _: Any, *d_final: Tensor) -> list[Tensor]:
        attributes = {name: op.get_attr(name) for name in _ATTRIBUTES}
        h, kept = op.outputs[:2]
        if not attributes["keep"]:
            again = operations.zoo_recurrence(*op.inputs, **attributes | {"keep": True})
            h, kept = again[:2]
        arguments = (*op.inputs, h, kept, d_h, *d_final)
        gradients = operations.zoo_recurrence_gradient(*arguments, **attributes)
        for gradient, of in zip(gradients, op.inputs, strict=False):
            gradient.set_shape(of.shape)
        return [*gradients, None]

    @tf.RegisterGradient("ZooRecurrenceGradient")
    def _(op: Any, *gradients: Tensor) -> list[Tensor]:
        raise NotImplementedError(
            "The native recurrence has no second and no forward-mode derivatives: take them within "
            '`zoo.layers.engines.use("loop")`'
        )

    return operations
