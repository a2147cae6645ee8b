"""Writes whole recurrences as ONNX's own operators, where it has them.

An operator takes sequences with their padding on the right, and their lengths. Any mask comes down
to that: the steps that count move to the front of their row, and the outputs back to where they
were. It takes no longer than the change to time-major and back, which an operator needs anyway.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from zoo.cells.typing import Tensor, Tensors
from zoo.layers import Recurrence
from zoo.layers.operators import Operator
from zoo.serving.export.onnx_cells import OnnxRecurrence, onnx_recurrence

_MARK = "PyFuncStateless"  # stands for an operator in the graph of TensorFlow


class OnnxOperators:
    """A `zoo.layers.operators.Writer` while a function is traced, and then `handlers` for tf2onnx.

    What is traced holds marks, which do not run: each becomes an operator when it is converted.
    """

    def __init__(self) -> None:
        self._marked: dict[str, tuple[OnnxRecurrence, bool]] = {}  # by the token of the mark

    @property
    def handlers(self) -> dict[str, tuple[Any, list]]:
        """The `custom_op_handlers` of tf2onnx."""
        return {_MARK: (self._convert, [])}

    def __call__(self, sequences: Tensor, *directions: Recurrence) -> Operator | None:
        with tf.init_scope():  # outside of the graph, where weights have values
            recurrence = onnx_recurrence(*directions)
        if recurrence is None:
            return None
        blank = directions[0].zero_output_for_mask
        if any(direction.zero_output_for_mask != blank for direction in directions):
            return None

        def run(
            sequences: Tensor, states: Sequence[Tensors] | None, mask: Tensor | None
        ) -> tuple[Tensor, Sequence[Tensors]]:
            initial = [] if states is None else [tf.stack(one) for one in zip(*states, strict=True)]
            if mask is None:
                x = tf.transpose(sequences, (1, 0, 2))
                y, *final = self._mark(recurrence, x, None, initial)
                outputs = tf.transpose(y, (2, 0, 1, 3))
            else:
                steps = _Steps(sequences, mask, every_row=bool(initial))
                x, lengths = steps.first(sequences), steps.kept_lengths
                y, *final = self._mark(recurrence, x, lengths, initial)
                outputs = steps.back(y, [d.go_backwards for d in directions], blank)
                if initial:  # of a row of no steps
                    some = steps.lengths[None, :, None] > 0
                    final = [tf.where(some, *both) for both in zip(final, initial, strict=True)]
            width = len(directions) * recurrence.attributes["hidden_size"]
            outputs = tf.reshape(outputs, (*_sizes(sequences), width))
            return outputs, [*zip(*(tf.unstack(state) for state in final), strict=True)]

        return run

    def _mark(
        self, recurrence: OnnxRecurrence, x: Tensor, lengths: Tensor | None, initial: Tensors
    ) -> Tensors:
        """Y, (timesteps, directions, batch, units), and the final states, (directions, ...)."""
        number = 2 if recurrence.kind == "LSTM" else 1
        given = [x, *([] if lengths is None else [lengths]), *initial]
        marks = tf.numpy_function(_unable, given, [tf.float32] * (1 + number), stateful=False)
        token = marks[0].op.get_attr("token").decode()
        self._marked[token] = recurrence, lengths is not None
        directions, _, units = recurrence.weights["R"].shape
        shapes = [(None, directions, None, units), *[(directions, None, units)] * number]
        return [tf.ensure_shape(*both) for both in zip(marks, shapes, strict=True)]

    def _convert(self, graph: Any, mark: Any, name: str, _: Any) -> None:
        """Puts the operator in the place of its mark, in a graph of tf2onnx."""
        recurrence, masked = self._marked[mark.get_attr_value("token").decode()]
        x, *others = mark.input
        weights = {
            key: graph.make_const(f"{name}_{key}", array).output[0]
            for key, array in recurrence.weights.items()
        }
        lengths, initial = (others[:1], others[1:]) if masked else ([""], others)
        states = initial + [""] * (len(mark.output) - 1 - len(initial))
        inputs = [x, *(weights[key] for key in "WRB"), *lengths, *states]
        inputs += [weights["P"]] if "P" in weights else []
        while not inputs[-1]:  # what is left out at the end is not written
            inputs.pop()
        outputs = list(mark.output)
        dtypes, shapes = (list(map(f, outputs)) for f in (graph.get_dtype, graph.get_shape))
        graph.remove_node(name)
        graph.make_node(
            recurrence.kind,
            inputs,
            attr=recurrence.attributes,
            name=name,
            outputs=outputs,
            shapes=shapes,
            dtypes=dtypes,
        )


class _Steps:
    """The steps that count, at the front of their rows, with one that does not behind them.

    Args:
        sequences: (batch, timesteps, n).
        mask: (batch, timesteps), or with an axis of 1 behind.
        every_row: whether rows of no steps are kept. An operator takes as long for them as for
            others; of the words of a batch of sentences they are the half.
    """

    def __init__(self, sequences: Tensor, mask: Tensor, every_row: bool):
        rows, self._steps = _sizes(sequences)
        self._counts = tf.reshape(tf.cast(mask, tf.bool), (rows, self._steps))
        counts = tf.cast(self._counts, tf.int32)
        self._so_far = tf.cumsum(counts, axis=1)
        self._before = self._so_far - counts
        self.lengths = tf.reduce_sum(counts, axis=1)
        kept = (self.lengths > 0) | (every_row | (tf.range(rows) == 0))  # there must be one
        self._kept = tf.cast(tf.where(kept)[:, 0], tf.int32)
        self._row = tf.maximum(tf.cumsum(tf.cast(kept, tf.int32)) - 1, 0)  # of those that are kept
        self.kept_lengths = tf.gather(self.lengths, self._kept)

    def first(self, sequences: Tensor) -> Tensor:
        """(batch, timesteps, n) to (timesteps + 1, kept rows, n), those that count first."""
        step = tf.range(self._steps)
        order = -tf.math.top_k(-tf.where(self._counts, step, step + self._steps), self._steps)[0]
        place = tf.pad(order % self._steps, [[0, 0], [0, 1]])
        place += self._steps * tf.range(tf.shape(place)[0])[:, None]
        flat = tf.reshape(sequences, (-1, sequences.shape[-1]))
        return tf.gather(flat, tf.transpose(tf.gather(place, self._kept)))

    def back(self, y: Tensor, backwards: Sequence[bool], blank: bool) -> Tensor:
        """(timesteps + 1, directions, kept rows, units) to (batch, timesteps, directions, units).

        A step that does not count repeats the one before it, in the order of its direction; or is
        0, as are those before the first that counts: the last step of Y is behind the length of
        every row, where Y is 0.
        """
        places = []
        for turned in backwards:
            shown = self._before < self.lengths[:, None] if turned else self._so_far > 0
            place = self._before if turned else self._so_far - 1
            places.append(tf.where(self._counts if blank else shown, place, self._steps))
        place = tf.stack(places, axis=2) * len(backwards) + tf.range(len(backwards))
        place = place * tf.shape(y)[2] + self._row[:, None, None]
        return tf.gather(tf.reshape(y, (-1, y.shape[-1])), place)


def _sizes(sequences: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and steps."""
    shape = tf.shape(sequences)
    return shape[0], shape[1]


def _unable(*_: Any) -> None:
    raise NotImplementedError("an operator of ONNX does not run in TensorFlow")
