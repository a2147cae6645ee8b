"""Cross-entropy over a sequence: summed over the steps, averaged over the examples.

For m examples and a loss L<t>⁽ʲ⁾ at step t of example j,

    L = (1/m) Σ_j Σ_t L<t>⁽ʲ⁾                        reduction="sum_over_time"
    L = Σ_j Σ_t L<t>⁽ʲ⁾ / Σ_j T_y⁽ʲ⁾                 reduction="mean_per_step"

The first is the loss of the maximum-likelihood derivation: its gradient grows with the length of
the sequence. The second does not, which makes learning rates comparable between corpora, and its
exponential is the perplexity of the batch. (For an epoch Keras averages the batches by their
examples, not by their steps: measure perplexity with a metric.) Many-to-one networks have T_y = 1;
both reductions are then the ordinary mean.

Steps are left out by a mask, given as `sample_weight` (0 at padding) or carried by the predictions
(`_keras_mask`); a step counts when both allow it. Weights other than 0 and 1 weigh the steps.
Keras' own losses divide by the number of all steps, padding included, or rescale the mask on the
way, and average means over the replicas of a `tf.distribute` strategy, which is another mean as
soon as the replicas hold different numbers of steps. Here everything is counted over the whole
batch, so neither the gradient nor the reported loss depends on how the batch was split.

Source: the sum over the steps is eq. 10.12-10.14 of Goodfellow, Bengio & Courville, "Deep
Learning" (2016), section 10.2.
"""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Shape, Tensor
from zoo.training.replicas import replica_count, sum_over_replicas

REDUCTIONS = ("sum_over_time", "mean_per_step")


class _SequenceLoss(keras.losses.Loss):
    """Masks and reduces what `call(y_true, y_pred)` gives: one loss per step."""

    axes_per_step = 1  # how many axes of the predictions belong to one step

    def __init__(self, reduction: str, from_logits: bool, name: str) -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(f"reduction is {reduction!r}; it must be one of {REDUCTIONS}")
        # Keras knows neither reduction, so it is told none. Its default dtype is float32 under a
        # mixed precision policy too: the logarithms are never taken in half precision.
        super().__init__(name=name, reduction=None)
        self.reduction = reduction
        self.from_logits = from_logits

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch, a float32 scalar.

        Each replica of a strategy returns the same share of the loss of the whole batch, with the
        gradient of its own part of it.

        Args:
            y_true: the targets; shapes in the class docstring.
            y_pred: logits or probabilities, (batch, timesteps, outputs) or (batch, outputs).
            sample_weight: None, or (batch, timesteps), or one weight per example, (batch,).
        """
        mask = getattr(y_pred, "_keras_mask", None)
        y_pred = ops.cast(y_pred, self.dtype)
        y_true = ops.convert_to_tensor(y_true)
        weights = self._step_weights(ops.shape(y_pred)[: -self.axes_per_step], sample_weight, mask)

        # What pads the targets need not be a class, and an invalid one may give NaN.
        used = self._used(ops.cast(weights, "bool"))
        if len(y_true.shape) > len(used.shape):
            used = ops.expand_dims(used, axis=-1)
        y_true = ops.where(used, y_true, ops.zeros_like(y_true))

        steps = self.call(y_true, y_pred)  # (batch, timesteps) or (batch,)
        total = ops.sum(steps * weights)
        examples = ops.cast(ops.shape(steps)[0], self.dtype)
        count = examples if self.reduction == "sum_over_time" else ops.sum(weights)
        return _loss_of_batch(total, count)

    def _used(self, counted: Tensor) -> Tensor:
        """Of which steps the loss uses the target: by default, of those that count."""
        return counted

    def _step_weights(
        self, shape: Shape, sample_weight: Tensor | None, mask: Tensor | None
    ) -> Tensor:
        """The product of the given weights, spread over all steps; ones without any."""
        product = ops.ones(shape, dtype=self.dtype)  # (batch, timesteps) or (batch,)
        for weights in (sample_weight, mask):
            if weights is None:
                continue
            weights = ops.cast(weights, self.dtype)
            if len(weights.shape) > len(shape):
                raise ValueError(
                    f"weights or mask of shape {tuple(weights.shape)} for predictions that have "
                    f"{len(shape)} axes before their outputs"
                )
            while len(weights.shape) < len(shape):
                weights = ops.expand_dims(weights, axis=-1)  # one weight per example
            product = product * weights
        return product

    def get_config(self) -> dict[str, Any]:
        return {"reduction": self.reduction, "from_logits": self.from_logits, "name": self.name}


def _loss_of_batch(total: Tensor, count: Tensor) -> Tensor:
    """Total / count, both summed over the replicas; the gradients of the replicas add up to its.

    Keras adds the gradients of the replicas up, and multiplies the value by their number before it
    reports a mean over all examples. So the value is the same share for each replica, however many
    of the steps are its own, while the gradient is that of its own steps.
    """
    batch_total, count = sum_over_replicas([ops.stop_gradient(total), count])
    own_part = ops.divide_no_nan(total, count)
    share = ops.divide_no_nan(batch_total, count) / replica_count()
    return own_part + ops.stop_gradient(share - own_part)


@keras.saving.register_keras_serializable(package="zoo")
class SequenceCrossentropy(_SequenceLoss):
    """Softmax cross-entropy per step, L<t> = -Σ_i y_i<t> log ŷ_i<t>, with integer targets.

    Shapes: targets (batch, timesteps) with predictions (batch, timesteps, classes), or targets
    (batch,) or (batch, 1) with predictions (batch, classes).

    Args:
        reduction: "sum_over_time" or "mean_per_step"; see the module docstring.
        from_logits: whether predictions are logits rather than probabilities. Logits are exact
            where a probability would round to 0.
        label_smoothing: ε, the share of the target that is spread evenly over all classes:
            L<t> = -(1 - ε) log ŷ_target<t> - ε / n Σ_i log ŷ_i<t> (Szegedy et al. 2016); needs
            logits.

    Raises:
        ValueError: for another reduction, a mask with more axes than the steps have, or smoothing
            without logits.
    """

    def __init__(
        self,
        reduction: str = "sum_over_time",
        from_logits: bool = True,
        label_smoothing: float = 0.0,
        name: str = "sequence_crossentropy",
    ) -> None:
        super().__init__(reduction, from_logits, name)
        if label_smoothing and not from_logits:
            raise ValueError("`label_smoothing` needs `from_logits=True`")
        self.label_smoothing = label_smoothing

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if len(y_true.shape) == len(y_pred.shape):
            y_true = ops.squeeze(y_true, axis=-1)
        losses = ops.sparse_categorical_crossentropy(
            ops.cast(y_true, "int32"), y_pred, from_logits=self.from_logits
        )
        if not self.label_smoothing:
            return losses
        of_all = ops.logsumexp(y_pred, axis=-1) - ops.mean(y_pred, axis=-1)
        return (1 - self.label_smoothing) * losses + self.label_smoothing * of_all

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable(package="zoo")
class BinarySequenceCrossentropy(_SequenceLoss):
    """Binary cross-entropy per step, L<t> = -y<t> log ŷ<t> - (1-y<t>) log(1-ŷ<t>).

    Several outputs at a step (the notes of a chord) are independent: their losses are summed.

    Shapes: predictions (batch, timesteps, outputs) or (batch, outputs); targets the same, or
    without the last axis where outputs = 1.

    Args:
        reduction: "sum_over_time" or "mean_per_step"; see the module docstring.
        from_logits: whether predictions are logits rather than probabilities.
        label_smoothing: ε, so that a target y counts as (1 - ε) y + ε / 2 (Szegedy et al. 2016).

    Raises:
        ValueError: for another reduction, or a mask with more axes than the steps have.
    """

    def __init__(
        self,
        reduction: str = "sum_over_time",
        from_logits: bool = True,
        label_smoothing: float = 0.0,
        name: str = "binary_sequence_crossentropy",
    ) -> None:
        super().__init__(reduction, from_logits, name)
        self.label_smoothing = label_smoothing

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if len(y_true.shape) < len(y_pred.shape):
            y_true = ops.expand_dims(y_true, axis=-1)
        y_true = ops.cast(y_true, self.dtype)
        if self.label_smoothing:
            y_true = (1 - self.label_smoothing) * y_true + self.label_smoothing / 2
        losses = ops.binary_crossentropy(y_true, y_pred, from_logits=self.from_logits)
        return ops.sum(losses, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"label_smoothing": self.label_smoothing}
