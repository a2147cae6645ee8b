"""Perplexity, as a Keras metric."""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Tensor
from zoo.training.losses import SequenceCrossentropy


@keras.saving.register_keras_serializable(package="zoo")
class Perplexity(keras.metrics.Metric):
    """exp(Σ w<t> L<t> / Σ w<t>), over all steps of all batches, with L<t> = -log P(y<t> | ...).

    That of a model which gives each of n tokens the same probability is n. It is a mean over steps:
    unlike a mean of the batches' losses it does not depend on how a text was cut into batches.

    Call arguments of `update_state`:
        y_true: (batch, timesteps) integers; anything where a step has weight 0.
        y_pred: logits, (batch, timesteps, classes).
        sample_weight: (batch, timesteps) or (batch,), or None for ones. A step counts by this times
            the mask that `y_pred` carries (`_keras_mask`), if any.

    The result is 1 where no step has counted.
    """

    def __init__(self, name: str = "perplexity", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self._crossentropy = SequenceCrossentropy()
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        mask = getattr(y_pred, "_keras_mask", None)
        # As the loss does it, operation by operation: where a model has both, TensorFlow and XLA
        # find the common part, and the softmax over the vocabulary is computed once.
        y_pred = ops.cast(y_pred, self._crossentropy.dtype)
        y_true = ops.convert_to_tensor(y_true)
        weights = self._crossentropy._step_weights(ops.shape(y_pred)[:-1], sample_weight, mask)
        y_true = ops.where(ops.cast(weights, "bool"), y_true, ops.zeros_like(y_true))
        losses = self._crossentropy.call(y_true, y_pred)  # (batch, timesteps)
        self.total.assign_add(ops.sum(losses * weights))
        self.count.assign_add(ops.sum(weights))

    def result(self) -> Tensor:
        return ops.exp(ops.divide_no_nan(self.total, self.count))

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}
