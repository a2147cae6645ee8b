"""Connectionist temporal classification: a sequence of labels from an input of more steps.

A path has one symbol at each of the T_x steps of the input: a label, or the blank, which stands for
none. Repeats of a path are collapsed, then blanks removed: a-ab- and -aabb both are "ab", and "aa"
needs a blank between its labels. With ŷ the softmax of the logits, and B(π) the labels of a path π,

    P(y | x) = Σ_{π: B(π) = y} Π_t ŷ_π<t><t>        L = -log P(y | x)

The blank is id 0, which also pads the labels, so that labels are counted from 1. A target of more
labels than steps, with a blank between equal neighbours, has no path and is `infeasible`: it cannot
be learnt, and counts for nothing.

Source: Graves, Fernández, Gomez & Schmidhuber (2006), "Connectionist temporal classification:
labelling unsegmented sequence data with recurrent neural networks".
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.cells.typing import Tensor
from zoo.training.losses import _loss_of_batch, _SequenceLoss

BLANK = 0
SMALLEST = -80.0  # log P; e^-87 is the least normal number of float32


def infeasible(logit_lengths: Tensor, labels: Tensor, label_lengths: Tensor) -> Tensor:
    """Whether a target is longer than the input, one blank between equal neighbours counted.

    Args:
        logit_lengths: (batch,) integers, the steps of the input.
        labels: (batch, length) integers, padded on the right.
        label_lengths: (batch,) integers, how many labels are not padding.

    Returns:
        (batch,) boolean.
    """
    labels, label_lengths = ops.cast(labels, "int32"), ops.cast(label_lengths, "int32")
    inside = _before(label_lengths, labels)[:, 1:]
    repeats = ops.logical_and(labels[:, 1:] == labels[:, :-1], inside)
    needed = label_lengths + ops.sum(ops.cast(repeats, "int32"), axis=1)
    return needed > ops.cast(logit_lengths, "int32")


def ctc_loss(
    logits: Tensor, logit_lengths: Tensor, labels: Tensor, label_lengths: Tensor
) -> Tensor:
    """-log P(y | x) of each row, in nats; 0 without a gradient where it is `infeasible`.

    Steps after the end of a row do not count, whatever stands there. It is computed in float32,
    whatever the logits are.

    On TensorFlow it is the kernel of `tf.nn.ctc_loss` for sparse labels. With its gradient it takes
    a quarter of the time of the form for dense labels, which `keras.ops.ctc_loss` calls: 8 ms
    against 36 on two cores of an AMD EPYC, for 32 rows of 90 steps, 28 symbols and 19 labels. The
    kernel runs on the CPU, and XLA has none: compile the model with `jit_compile=False`, as Keras
    would otherwise choose XLA where there is a GPU. In a step a probability below e^-80 counts as
    e^-80, where the kernel would round it to 0 and the loss to infinity; the gradient passes.
    JAX and PyTorch have `keras.ops.ctc_loss`.

    Args:
        logits: (batch, steps, symbols), not normalized; symbol 0 is the blank.
        logit_lengths: (batch,) integers up to `steps`, the steps of the input.
        labels: (batch, length) integers from 1 to symbols - 1, padded with 0 on the right.
        label_lengths: (batch,) integers, how many labels are not padding; 0 is a target too, of
            blanks alone.

    Returns:
        (batch,) float32; NaN where a label is no symbol.

    Raises:
        tf.errors.InvalidArgumentError: on TensorFlow, for a length below 0 or beyond its array.
    """
    logits = ops.cast(ops.convert_to_tensor(logits), "float32")
    labels, logit_lengths, label_lengths = (
        ops.cast(ops.convert_to_tensor(x), "int32") for x in (labels, logit_lengths, label_lengths)
    )
    inside = _before(label_lengths, labels)
    is_symbol = ops.logical_and(labels > BLANK, labels < logits.shape[-1])
    legal = ops.all(ops.logical_or(is_symbol, ops.logical_not(inside)), axis=1)
    impossible = infeasible(logit_lengths, labels, label_lengths)
    counted = ops.logical_and(legal, ops.logical_not(impossible))  # (batch,)
    # No kernel sees what it may not be given: some of them end the process, or give no number.
    logit_lengths = ops.where(counted, logit_lengths, 0)
    label_lengths = ops.where(counted, label_lengths, 0)
    labels = ops.where(_before(label_lengths, labels), labels, 0)
    logits = ops.where(_before(logit_lengths, logits)[..., None], logits, 0.0)
    on_backend = _of_sparse_labels if keras.backend.backend() == "tensorflow" else _of_keras
    losses = on_backend(logits, logit_lengths, labels, label_lengths)
    losses = ops.where(counted, losses, 0.0)
    return ops.where(legal, losses, math.nan)


def collapsed(path: Tensor) -> tuple[Tensor, Tensor]:
    """The labels of paths: repeats are collapsed, then blanks removed.

    Args:
        path: (batch, steps) integers.

    Returns:
        (batch, steps) int32, padded with 0 on the right, and how many they are, (batch,) int32.
    """
    path = ops.cast(path, "int32")
    positions = ops.arange(ops.shape(path)[1], dtype="int32")  # (steps,)
    before = ops.pad(path, [[0, 0], [1, 0]])[:, :-1]  # nothing is a blank before the first step
    starts = ops.logical_and(path != BLANK, path != before)
    lengths = ops.sum(ops.cast(starts, "int32"), axis=1)
    # Steps where a label starts come first, in their order.
    order = ops.argsort(ops.where(starts, positions, positions + ops.shape(path)[1]), axis=1)
    labels = ops.take_along_axis(path, order, axis=1)
    return ops.where(positions < lengths[:, None], labels, BLANK), lengths


def _before(lengths: Tensor, sequences: Tensor) -> Tensor:
    """Which positions of (batch, length, ...) are before the end of their row: (batch, length)."""
    return ops.arange(ops.shape(sequences)[1], dtype="int32") < ops.cast(lengths, "int32")[:, None]


def _of_keras(
    logits: Tensor, logit_lengths: Tensor, labels: Tensor, label_lengths: Tensor
) -> Tensor:
    batch, steps, _ = logits.shape
    if batch == 0 or steps == 0:  # then all that is not infeasible is certain
        return ops.sum(logits, axis=(1, 2))
    if labels.shape[1] == 0:
        labels = ops.pad(labels, [[0, 0], [0, 1]])
    none = logit_lengths == 0  # PyTorch wants a step
    losses = ops.ctc_loss(labels, logits, label_lengths, ops.maximum(logit_lengths, 1), BLANK)
    return ops.where(none, 0.0, losses)


def _of_sparse_labels(
    logits: Tensor, logit_lengths: Tensor, labels: Tensor, label_lengths: Tensor
) -> Tensor:
    """The loss by TensorFlow's kernel, which takes neither an empty batch nor an empty target.

    So there is a row more, and each target ends in a symbol more, `end`, which is certain in a step
    of its own after the last and impossible before. That changes no probability.
    """
    import tensorflow as tf

    end = logits.shape[-1]
    logits = tf.pad(_raised(logits), [[0, 1], [0, 1], [0, 1]], constant_values=-np.inf)
    labels = tf.pad(labels, [[0, 1], [0, 1]])
    logit_lengths, label_lengths = (tf.pad(x, [[0, 1]]) for x in (logit_lengths, label_lengths))
    certain = tf.where(tf.range(end + 1) == end, 0.0, -np.inf)
    at_end = tf.range(tf.shape(logits)[1]) == logit_lengths[:, None]
    logits = tf.where(at_end[..., None], certain, logits)
    positions = tf.range(tf.shape(labels)[1])
    labels = tf.where(positions == label_lengths[:, None], end, labels)
    indices = tf.where(positions <= label_lengths[:, None])
    # The kernel has the blank last, and time first.
    losses, _ = tf.raw_ops.CTCLoss(
        inputs=tf.roll(tf.transpose(logits, (1, 0, 2)), -1, axis=-1),
        labels_indices=indices,
        labels_values=tf.gather_nd(labels, indices) - 1,
        sequence_length=logit_lengths + 1,
    )
    return losses[:-1]


def _raised(logits: Tensor) -> Tensor:
    """Logits with no probability so small that it rounds to 0; the gradient passes unchanged."""
    import tensorflow as tf

    @tf.custom_gradient
    def raised(logits: Tensor) -> Any:
        total = tf.reduce_logsumexp(logits, axis=-1, keepdims=True)
        return tf.maximum(logits, total + SMALLEST), lambda upstream: upstream

    return raised(logits)


@keras.saving.register_keras_serializable(package="zoo")
class CTC(_SequenceLoss):
    """-log P(y | x) of sequences of labels that are not aligned with the input: see `ctc_loss`.

        L = (1/m) Σ_j L⁽ʲ⁾                reduction="sum_over_time"
        L = Σ_j L⁽ʲ⁾ / Σ_j T_y⁽ʲ⁾         reduction="mean_per_step", which is per label

    Shapes: targets (batch, length), integers from 1, padded with 0 on the right; predictions
    (batch, steps, symbols), logits with the blank as symbol 0.

    The steps of the input are those of the mask that the predictions carry (`_keras_mask`), and of
    `sample_weight` (batch, steps), 0 after the end; a step is input where both allow it, and
    padding is on the right. A row weighs as much as the heaviest of its steps, or as it says in
    `sample_weight` (batch,). A row that is `infeasible` counts as one of weight 0; so T_y leaves
    it out, and m does not.

    Keras' own `CTC` takes all steps for input.

    Args:
        reduction: "sum_over_time" or "mean_per_step".

    Raises:
        ValueError: for another reduction, or a mask with more axes than the steps have.
    """

    def __init__(self, reduction: str = "sum_over_time", name: str = "ctc") -> None:
        super().__init__(reduction, from_logits=True, name=name)

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch, a float32 scalar; `SequenceCrossentropy` says how replicas share it.

        Args:
            y_true: (batch, length).
            y_pred: (batch, steps, symbols).
            sample_weight: None, (batch,) or (batch, steps).
        """
        mask = getattr(y_pred, "_keras_mask", None)
        labels = ops.cast(ops.convert_to_tensor(y_true), "int32")
        weights = self._step_weights(ops.shape(y_pred)[:-1], sample_weight, mask)
        steps, lengths = (ops.sum(ops.cast(x, "int32"), axis=1) for x in (weights > 0, labels > 0))
        possible = ops.logical_not(infeasible(steps, labels, lengths))
        weights = ops.max(weights, axis=1, initial=0) * ops.cast(possible, self.dtype)
        losses = ops.cast(ctc_loss(y_pred, steps, labels, lengths), self.dtype)
        total = ops.sum(ops.where(weights > 0, losses, 0.0) * weights)
        if self.reduction == "sum_over_time":
            return _loss_of_batch(total, ops.cast(ops.shape(y_pred)[0], self.dtype))
        return _loss_of_batch(total, ops.sum(ops.cast(lengths, self.dtype) * weights))

    def get_config(self) -> dict[str, Any]:
        return {"reduction": self.reduction, "name": self.name}
