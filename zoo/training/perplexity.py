"""Perplexity, as a Keras metric."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="zoo")
class Perplexity(keras.metrics.Metric):
    """exp(Σ w<t> L<t> / Σ w<t>), over all steps of all batches, with L<t> = -log P(y<t> | ...).

    That of a model which gives each of n tokens the same probability is n. It is a mean over steps:
    unlike a mean of the batches' losses it does not depend on how a text was cut into batches.

    Args:
        name: name of the metric.

    Call arguments of `update_state`:
        y_true: (batch, timesteps) integers; anything where a step has weight 0.
        y_pred: logits, (batch, timesteps, classes).
        sample_weight: (batch, timesteps) or (batch,), or None for ones. A step counts by this times
            the mask that `y_pred` carries (`_keras_mask`), if any.

    The result is 1 where no step has counted.
    """

    def __init__(self, name="perplexity", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "int32")
        weights = ops.ones(ops.shape(y_true), dtype="float32")
        for given in (sample_weight, getattr(y_pred, "_keras_mask", None)):
            if given is not None:
                given = ops.cast(given, "float32")
                weights = weights * (given if len(given.shape) == 2 else given[:, None])
        y_true = ops.where(weights > 0, y_true, 0)  # what pads the targets need be no class
        losses = ops.sparse_categorical_crossentropy(
            y_true, ops.cast(y_pred, "float32"), from_logits=True
        )  # (batch, timesteps)
        self.total.assign_add(ops.sum(losses * weights))
        self.count.assign_add(ops.sum(weights))

    def result(self):
        return ops.exp(ops.divide_no_nan(self.total, self.count))

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}
