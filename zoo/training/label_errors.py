"""Error rates of sequences of labels, as Keras metrics."""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Tensor
from zoo.layers.scan import scan
from zoo.training.ctc import BLANK, collapsed


def edit_distances(found: Tensor, found_lengths: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
    """The fewest substitutions, deletions and insertions that make one sequence of another.

    Args:
        found: (batch, n) integers.
        found_lengths: (batch,) integers, how many of them count.
        labels: (batch, length) integers.
        lengths: (batch,) integers, how many of them count.

    Returns:
        (batch,) float32. What is found beyond twice as many as there are labels counts as
        insertions.
    """
    kept = ops.minimum(ops.shape(found)[1], 2 * ops.shape(labels)[1] + 1)
    beyond = ops.maximum(found_lengths - kept, 0)
    found = found[:, :kept]
    places = ops.cast(ops.arange(kept + 1), "float32")
    before = places[:, None] <= places  # a place, and those from it on

    def step(carry: tuple, slices: tuple) -> tuple[tuple, tuple]:
        """One label more: the distances to what is found up to each place, (batch, n + 1)."""
        (distances,), (label, counted) = carry, slices
        replaced = distances[:, :-1] + ops.cast(found != label[:, None], "float32")
        least = ops.concatenate(
            [distances[:, :1] + 1, ops.minimum(distances[:, 1:] + 1, replaced)], axis=1
        )
        # What is inserted after a place costs one each.
        shifted = ops.where(before, (least - places)[..., None], 1e9)
        least = ops.min(shifted, axis=1) + places
        return (ops.where(counted[:, None], least, distances),), ()

    first = ops.zeros_like(ops.cast(found_lengths, "float32"))[:, None] + places
    inside = ops.arange(ops.shape(labels)[1]) < lengths[:, None]
    (distances,), _ = scan(step, (first,), (ops.transpose(labels), ops.transpose(inside)))
    end = ops.minimum(found_lengths, kept)[:, None]
    found_at_end = ops.take_along_axis(distances, ops.cast(end, "int32"), axis=1)[:, 0]
    return found_at_end + ops.cast(beyond, "float32")


@keras.saving.register_keras_serializable(package="zoo")
class LabelErrorRate(keras.metrics.Metric):
    """Edits for each label of the targets, of the most probable path: see `zoo.training.ctc`.

    It is that of all rows together, by the fewest edits of each; of characters, this is the
    character error rate of greedy search.

    Call arguments of `update_state`:
        y_true: (batch, length) integers, padded with 0.
        y_pred: logits, (batch, steps, symbols), symbol 0 the blank.
        sample_weight: (batch, steps), above 0 for the steps of the input; None for all.
    """

    def __init__(self, name: str = "label_error_rate", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.edits = self.add_weight(name="edits", initializer="zeros")
        self.labels = self.add_weight(name="labels", initializer="zeros")

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        y_true = ops.cast(y_true, "int32")
        path = ops.cast(ops.argmax(y_pred, axis=-1), "int32")  # (batch, steps)
        if sample_weight is not None:
            path = ops.where(sample_weight > 0, path, BLANK)
        lengths = ops.sum(ops.cast(y_true != BLANK, "int32"), axis=1)
        distances = edit_distances(*collapsed(path), y_true, lengths)
        self.edits.assign_add(ops.sum(ops.cast(distances, self.edits.dtype)))
        self.labels.assign_add(ops.sum(ops.cast(lengths, self.labels.dtype)))

    def result(self) -> Tensor:
        return ops.divide_no_nan(self.edits, self.labels)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}
