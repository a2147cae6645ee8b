"""F1 of entity spans, as a Keras metric, so that the best epoch can be chosen by it."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.cells.typing import Tensor
from zoo.layers.crf import viterbi


@keras.saving.register_keras_serializable(package="zoo")
class SpanF1(keras.metrics.Metric):
    """The harmonic mean of the precision and recall of spans, micro-averaged (strict IOB2).

    A span is B-X and what I-X follow it; it is right if begin, end and type are. An I-X that
    continues nothing is no span. This is the strict mode of seqeval, with which a test compares it.

    Args:
        tag_names: the tags in the order of their ids: O, B-X or I-X.

    Call arguments of `update_state`:
        y_true: (batch, timesteps) integers; anything where a step does not count.
        y_pred: logits (batch, timesteps, tags), or log-potentials (batch, timesteps, tags, tags),
            which are decoded by Viterbi's algorithm.
        sample_weight: (batch, timesteps) or (batch,), 0 at padding and 1 elsewhere, or None. A step
            counts if this and the mask that `y_pred` carries (`_keras_mask`), if any, allow it.
    """

    def __init__(self, tag_names: Sequence[str], name: str = "f1", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.tag_names = tuple(tag_names)
        types = sorted({tag[2:] for tag in self.tag_names if tag[2:]})
        # By tag id: the type, from 1 on, 0 for O; and whether it begins a span.
        self._types = np.array(
            [types.index(tag[2:]) + 1 if tag[2:] else 0 for tag in self.tag_names], "int32"
        )
        self._begins = np.array([tag.startswith("B-") for tag in self.tag_names])
        self.correct, self.predicted, self.true = (
            self.add_weight(name=name, initializer="zeros")
            for name in ("correct", "predicted", "true")
        )

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        mask = ops.ones(ops.shape(y_pred)[:2], dtype="bool")
        for weights in (sample_weight, getattr(y_pred, "_keras_mask", None)):
            if weights is not None:
                weights = ops.cast(weights, "bool")
                mask = mask & (weights if len(weights.shape) == 2 else weights[:, None])
        if len(y_pred.shape) == 4:
            tags, _ = viterbi(y_pred, mask)
        else:
            tags = ops.argmax(y_pred, axis=-1)
        begins, types, ends = self._spans(ops.cast(y_true, "int32"), mask)
        found_begins, found_types, found_ends = self._spans(ops.cast(tags, "int32"), mask)
        correct = begins & found_begins & (types == found_types) & (ends == found_ends)
        for count, spans in (
            (self.correct, correct),
            (self.predicted, found_begins),
            (self.true, begins),
        ):
            count.assign_add(ops.sum(ops.cast(spans, count.dtype)))

    def _spans(self, tags: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Where spans begin, their types, and the step after each, all (batch, timesteps)."""
        tags = ops.where(mask, tags, 0)  # an id, whatever stands there
        types = ops.where(mask, ops.take(ops.convert_to_tensor(self._types), tags), 0)
        begins = ops.take(ops.convert_to_tensor(self._begins), tags) & mask
        before = ops.concatenate([ops.zeros_like(types[:, :1]), types[:, :-1]], axis=1)
        continues = (types > 0) & ops.logical_not(begins) & (types == before)
        # A token and what continues it have the same number n, from 1 on. They end where the next
        # one starts: in the list of all starts, the first of which is that of number 1, at place n.
        numbers = ops.cumsum(ops.cast(ops.logical_not(continues), "int32"), axis=1)
        timesteps = ops.shape(tags)[1]
        starts = ops.where(continues, timesteps, ops.arange(timesteps, dtype="int32"))
        starts = ops.pad(ops.sort(starts, axis=1), [[0, 0], [0, 1]], constant_values=timesteps)
        return begins, types, ops.take_along_axis(starts, numbers, axis=1)

    def result(self) -> Tensor:
        return ops.divide_no_nan(2 * self.correct, self.predicted + self.true)

    def get_config(self) -> dict[str, Any]:
        return {"tag_names": list(self.tag_names), "name": self.name, "dtype": self.dtype}
