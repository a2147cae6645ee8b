"""A faster drop-in for `keras.layers.RNN`."""

import math

import keras
from keras import ops

from zoo.cells import RecurrentCell
from zoo.cells.typing import Tensor, Tensors
from zoo.layers.backpropagation import recur

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
    results.

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
    # Whether a loop that runs backwards may write its outputs from the last one on. Off where a
    # converter takes them to come in the order of the rounds, as tf2onnx does.
    in_place = True

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
        if not self.is_written_out:
            return super().inner_loop(sequences, initial_state, mask, training)
        x = time_major(self.cell.drop_inputs(sequences, training))
        mask = time_major_mask(mask, sequences)
        outputs, states = self.over_time(x, initial_state, mask, training)
        if self.go_backwards:  # Keras returns the outputs in the order in which they came
            outputs = _turned(outputs)
        return outputs[-1], time_major(outputs), states

    def over_time(
        self, x: Tensor, initial_state: Tensors, mask: Tensor | None, training: bool | None
    ) -> tuple[Tensor, Tensors]:
        """The loop alone, in the direction of `go_backwards`, without the cell's dropout.

        Args:
            x: (timesteps, batch, input_dim).
            initial_state: list of (batch, units).
            mask: (timesteps, batch, 1), boolean, or None.
            training: whether a gradient is going to be asked for, and zoneout draws.

        Returns:
            The outputs, (timesteps, batch, units), each at its own step in both directions, and the
            list of final states.
        """
        turned = self.go_backwards and not self.in_place
        streams = self._streams(x, initial_state, mask)
        if turned:
            streams = [(_turned(x), states, _turned(mask)) for x, states, mask in streams]
        reverse = self.go_backwards and self.in_place
        parts = [
            recur(self.cell, self.cell.project(x), states, mask, training, reverse)
            for x, states, mask in streams
        ]
        outputs = _join([outputs for outputs, _ in parts], axis=1)
        outputs = _turned(outputs) if turned else outputs
        states = [_join(state, axis=0) for state in zip(*(s for _, s in parts), strict=True)]
        return outputs if mask is None else self._mask_outputs(outputs, mask), states

    def _streams(
        self, x: Tensor, states: Tensors, mask: Tensor | None
    ) -> list[tuple[Tensor, Tensors, Tensor | None]]:
        """Two halves of a batch where loops run side by side and a step is worth a second one."""
        small = math.prod(self.cell.recurrent_kernel.shape) < _WEIGHTS_FOR_HALVES
        if not self.halves or small or keras.backend.backend() != "tensorflow" or x.shape[1] == 1:
            return [(x, states, mask)]
        import tensorflow as tf

        if tf.config.list_logical_devices("GPU"):
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


def time_major_mask(mask: Tensor | None, sequences: Tensor) -> Tensor | None:
    """A mask of `sequences`, None or with one entry for each step, as (timesteps, batch, 1)."""
    if mask is None:
        return None
    return time_major(ops.reshape(ops.cast(mask, "bool"), (*ops.shape(sequences)[:2], 1)))


def _turned(sequence: Tensor | None) -> Tensor | None:
    return None if sequence is None else ops.flip(sequence, axis=0)


def _join(parts: Tensors, axis: int) -> Tensor:
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=axis)
