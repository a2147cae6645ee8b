"""The loss of a linear-chain conditional random field, step by step."""

import math
from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Tensor
from zoo.layers.crf import log_partition_steps
from zoo.training.losses import _SequenceLoss


@keras.saving.register_keras_serializable(package="zoo")
class ChainCrossentropy(_SequenceLoss):
    """-log p(y | x) of a sequence of tags, as a sum of one loss per step.

        L<t> = log Z<t> - log Z<t-1> - ψ<t>(y<t-1>, y<t>)
        Σ_t L<t> = log Z(x) - s(x, y) = -log p(y | x)

    where Z<t> sums over all tags of the first t steps (Z<0> = 1), and ψ<t> are the log-potentials
    of `zoo.layers.LinearChainCRF`. L<t> alone is no cross-entropy and may be below 0.
    Sources: Lafferty, McCallum & Pereira (2001); Lample et al. (2016), section 2.2.

    Shapes: targets (batch, timesteps), integers; predictions (batch, timesteps, K, K).

    A target is used by its own step and by the one after it. So every target up to the last step
    that counts must be a tag, one with a weight of 0 included; the loss is NaN if it is not. After
    that step anything may stand. Targets that `allowed` rules out cost about 1e6: repair them
    first (`zoo.text.tags.repair`).

    Args:
        reduction: "sum_over_time" or "mean_per_step"; see `zoo.training.losses`.

    Raises:
        ValueError: for another reduction, or a mask with more axes than the steps have.
    """

    axes_per_step = 2

    def __init__(self, reduction: str = "sum_over_time", name: str = "chain_crossentropy") -> None:
        super().__init__(reduction, from_logits=True, name=name)

    def _used(self, counted: Tensor) -> Tensor:
        from_the_end = ops.cumsum(ops.flip(ops.cast(counted, "int32"), axis=1), axis=1)
        return ops.flip(from_the_end, axis=1) > 0

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        tags = y_pred.shape[-1]
        y_true = ops.cast(y_true, "int32")
        before = ops.concatenate([y_true[:, :1], y_true[:, :-1]], axis=1)  # rows are alike at first
        is_tag = ops.logical_and(y_true >= 0, y_true < tags)
        is_tag = ops.logical_and(is_tag, ops.logical_and(before >= 0, before < tags))
        pair = ops.where(is_tag, before * tags + y_true, 0)[..., None]
        flat = ops.reshape(y_pred, (*ops.shape(y_pred)[:2], tags * tags))
        scores = ops.take_along_axis(flat, pair, axis=-1)[..., 0]  # (batch, timesteps)
        return log_partition_steps(y_pred) - ops.where(is_tag, scores, math.nan)

    def get_config(self) -> dict[str, Any]:
        return {"reduction": self.reduction, "name": self.name}
