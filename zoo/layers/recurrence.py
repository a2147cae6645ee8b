"""A faster drop-in for `keras.layers.RNN`."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from zoo.cells import RecurrentCell
from zoo.cells.typing import Tensor, Tensors
from zoo.layers import engines, handover
from zoo.layers.backpropagation import recur
from zoo.layers.operators import operator_of
from zoo.native import operation

# Recurrent weights from which two loops are faster than one, see benchmarks/README.md.
_WEIGHTS_FOR_HALVES = 8192


@keras.saving.register_keras_serializable(package="zoo")
class Recurrence(keras.layers.RNN):
    """Runs a cell over a sequence: `keras.layers.RNN` with the same arguments and results, faster.

    What makes it faster, for the cells of `zoo.cells`:

    - the input product of all steps is one matrix product, outside the loop;
    - everything is time-major inside the loop;
    - backpropagation through time is written out (`zoo.layers.backpropagation`), so that each
      weight gradient is one matrix product over all steps;
    - on a CPU with TensorFlow the batch runs as two independent loops, one per half, which the
      executor runs side by side: a step is too small to be worth dividing among cores. (Of a small
      cell it is too small to be worth a second loop.)
    - a loop that goes backwards reads and writes its sequence in place.

    Cells that cannot differentiate themselves (`RecurrentCell.has_backward`), `StackedRNNCells`,
    `unroll=True` and the PyTorch backend run in the loop of `keras.layers.RNN`, with the same
    results. On a GPU cuDNN runs the cells that it has, and XLA the others (`zoo.layers.engines`).

    Args:
        cell: a cell, built or not.
        return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask: as in
            `keras.layers.RNN`.

    Call arguments:
        sequences: (batch, timesteps, input_dim).
        initial_state: list of (batch, units); zeros by default.
        mask: (batch, timesteps) or (batch, timesteps, 1), boolean; the state does not change
            where it is False.
        training: whether the cell's dropout and zoneout draw.

    Returns:
        The last output, (batch, units), or with `return_sequences` all of them,
        (batch, timesteps, units); with `return_state` followed by the final states.
    """

    # Whether the batch may run as two loops. Off where there are two loops already.
    halves = True
    _compiled: Callable[[], Callable[..., Any]] | None = None

    def __init__(self, cell: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        engines.prepare(self)

    @property
    def is_written_out(self) -> bool:
        """Whether `over_time` can run: the loop of `zoo.layers.scan`, with its own gradient."""
        return (
            not self.unroll
            and isinstance(self.cell, RecurrentCell)
            and self.cell.has_backward
            and keras.backend.backend() != "torch"
        )

    def inner_loop(
        self, sequences: Tensor, initial_state: Tensors, mask: Tensor | None, training: bool = False
    ) -> tuple[Tensor, Tensor, Tensors]:
        if operator := operator_of(sequences, self, training=training):
            outputs, (states,) = operator(sequences, [initial_state], mask)
            if self.go_backwards:
                outputs = ops.flip(outputs, axis=1)
            return outputs[:, -1], outputs, states
        engine = engines.engine_of(self)
        if engine == "keras":
            return self._by_keras(sequences, initial_state, mask, training)
        if engine == "native":
            return self._by_native(sequences, initial_state, mask, training)
        if not self.is_written_out:
            return super().inner_loop(sequences, initial_state, mask, training)
        x = time_major(self.cell.drop_inputs(sequences, training))
        mask = time_major_mask(mask, sequences)
        over_time = self.over_time_compiled if engine == "xla" else self.over_time
        outputs, states = over_time(x, initial_state, mask, training)
        if self.go_backwards:  # Keras returns the outputs in the order in which they came
            outputs = ops.flip(outputs, axis=0)
        return outputs[-1], time_major(outputs), states

    def _by_keras(
        self, sequences: Tensor, initial_state: Tensors, mask: Tensor | None, training: bool
    ) -> tuple[Tensor, Tensor, Tensors]:
        """`inner_loop` by a layer of Keras, which has cuDNN."""
        sequences = self.cell.drop_inputs(sequences, training)
        mask = batch_major_mask(mask, sequences)
        outputs, states = handover.run(self.cell, sequences, initial_state, mask, self.go_backwards)
        if mask is not None and self.zero_output_for_mask:
            outputs = ops.where(mask[..., None], outputs, ops.zeros_like(outputs))
        if self.go_backwards:
            outputs = ops.flip(outputs, axis=1)
        return outputs[:, -1], outputs, states

    def _by_native(
        self, sequences: Tensor, initial_state: Tensors, mask: Tensor | None, training: bool
    ) -> tuple[Tensor, Tensor, Tensors]:
        """`inner_loop` by one operation."""
        x = self.cell.drop_inputs(sequences, training)
        mask = batch_major_mask(mask, sequences)
        outputs, states = self.by_operation(x, initial_state, mask, training)
        if self.go_backwards:
            outputs = ops.flip(outputs, axis=1)
        return outputs[:, -1], outputs, states

    def by_operation(
        self,
        sequences: Tensor,
        initial_state: Tensors,
        mask: Tensor | None,
        training: bool | None,
        **options: Any,
    ) -> tuple[Tensor, Tensors]:
        """What `over_time` does, by the operation of `zoo.native`, and batch-major.

        `options` are of `zoo.native.operation.run`.
        """
        of_layer = {"backwards": self.go_backwards, "zero_masked": self.zero_output_for_mask}
        return operation.run(
            self.cell, sequences, initial_state, mask, training, **of_layer, **options
        )

    def over_time(
        self,
        x: Tensor,
        initial_state: Tensors,
        mask: Tensor | None,
        training: bool | None,
        projected: bool = False,
    ) -> tuple[Tensor, Tensors]:
        """The loop alone, in the direction of `go_backwards`, without the cell's dropout.

        Args:
            x: (timesteps, batch, input_dim).
            initial_state: list of (batch, units).
            mask: (timesteps, batch, 1), boolean, or None.
            training: whether a gradient is going to be asked for, and zoneout draws.
            projected: whether x is what `cell.project` made of it already.

        Returns:
            The outputs, (timesteps, batch, units), each at its own step in both directions, and the
            list of final states.
        """
        parts = [
            recur(
                self.cell,
                x if projected else self.cell.project(x),
                states,
                mask,
                training,
                self.go_backwards,
            )
            for x, states, mask in self._streams(x, initial_state, mask)
        ]
        outputs = _join([outputs for outputs, _ in parts], axis=1)
        states = [_join(state, axis=0) for state in zip(*(s for _, s in parts), strict=True)]
        return outputs if mask is None else self._mask_outputs(outputs, mask), states

    def over_time_compiled(
        self, x: Tensor, initial_state: Tensors, mask: Tensor | None, training: bool | None
    ) -> tuple[Tensor, Tensors]:
        """`over_time` by XLA, on TensorFlow, compiled for few lengths: the sequences get longer."""
        import tensorflow as tf

        timesteps = tf.shape(x)[0]
        added = [[0, rounded_up(timesteps) - timesteps], [0, 0], [0, 0]]
        if mask is None:
            mask = tf.ones_like(x[..., :1], tf.bool)
        if self._compiled is None:
            function = tf.function(self.over_time, autograph=False, jit_compile=True)
            self._compiled = lambda: function  # which Keras would save
        x, mask = tf.pad(x, added), tf.pad(mask, added)
        outputs, states = self._compiled()(x, list(initial_state), mask, training)
        return outputs[:timesteps], states

    def _streams(
        self, x: Tensor, states: Tensors, mask: Tensor | None
    ) -> list[tuple[Tensor, Tensors, Tensor | None]]:
        """Two halves of a batch where loops run side by side and a step is worth a second one."""
        small = math.prod(self.cell.recurrent_kernel.shape) < _WEIGHTS_FOR_HALVES
        if not self.halves or small or keras.backend.backend() != "tensorflow" or x.shape[1] == 1:
            return [(x, states, mask)]
        import tensorflow as tf

        if engines.has_gpu():
            return [(x, states, mask)]
        batch = tf.shape(x)[1]
        sizes = [(batch + 1) // 2, batch // 2]
        x = tf.split(x, sizes, axis=1, num=2)  # its gradient joins two parts; that of slices pads
        halves = zip(*(tf.split(state, sizes, axis=0, num=2) for state in states), strict=True)
        masks = (None, None) if mask is None else tf.split(mask, sizes, axis=1, num=2)
        return list(zip(x, halves, masks, strict=True))

    def _mask_outputs(self, outputs: Tensor, mask: Tensor | None) -> Tensor:
        """A masked step repeats the output before it, or is 0 with `zero_output_for_mask`.

        The state that the loop held is that output, except before the first step that counts,
        where the state is the initial one and the output is 0.
        """
        if self.zero_output_for_mask:
            shown = mask
        else:
            steps = ops.cast(mask, "int32")
            so_far = ops.cumsum(steps, axis=0)
            if self.go_backwards:
                so_far = ops.sum(steps, axis=0) - so_far + steps  # from this step on
            shown = so_far > 0
        return ops.where(shown, outputs, ops.zeros_like(outputs))


def time_major(sequences: Tensor) -> Tensor:
    """(batch, timesteps, n) -> (timesteps, batch, n), and back."""
    return ops.transpose(sequences, (1, 0, 2))


def batch_major_mask(mask: Tensor | None, sequences: Tensor) -> Tensor | None:
    """A mask of `sequences`, None or with one entry for each step, as (batch, timesteps)."""
    if mask is None:
        return None
    known = zip(mask.shape, (*sequences.shape[:2], 1), strict=False)
    if not 2 <= len(mask.shape) <= 3 or any(a != b for a, b in known if a and b):
        raise ValueError(
            f"`mask` must have one entry for each step of sequences {sequences.shape}. "
            f"Received: shape {mask.shape}"
        )
    return ops.reshape(ops.cast(mask, "bool"), ops.shape(sequences)[:2])


def time_major_mask(mask: Tensor | None, sequences: Tensor) -> Tensor | None:
    """The same as (timesteps, batch, 1)."""
    mask = batch_major_mask(mask, sequences)
    return None if mask is None else time_major(mask[..., None])


def rounded_up(timesteps: Tensor) -> Tensor:
    """The next of 8, 16, 24, ..., 64, 80, 96, 112, 128, 160, ...: four for each doubling."""
    import tensorflow as tf

    steps = tf.maximum(timesteps, 1)
    doublings = tf.math.log(tf.cast(steps, "float64") - 0.5) / math.log(2)
    unit = tf.bitwise.left_shift(1, tf.maximum(tf.cast(doublings, "int32") - 2, 3))
    return -(-steps // unit) * unit


def _join(parts: Tensors, axis: int) -> Tensor:
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=axis)
