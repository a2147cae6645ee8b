"""From a sequence to one vector."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.cells.typing import Shape, Tensor

MODES = ("max", "mean", "first", "last")


@keras.saving.register_keras_serializable(package="zoo")
class MaskedPooling(keras.layers.Layer):
    """Pools a sequence over time; masked steps do not count.

    Args:
        mode: "max", "mean", "first" or "last" (the first or the last step that counts).

    Call arguments:
        sequences: (batch, timesteps, features).
        mask: (batch, timesteps), boolean, or None. A row without any step that counts pools to 0.

    Returns:
        (batch, features).

    Raises:
        ValueError: if `mode` is none of these.
    """

    def __init__(self, mode: str = "max", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(f"`mode` must be one of {', '.join(MODES)}. Received: {mode!r}")
        self.mode = mode
        self.supports_masking = True

    def call(self, sequences: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            mask = ops.ones(ops.shape(sequences)[:2], dtype="bool")
        mask = ops.cast(mask, "bool")
        if self.mode == "max":
            counted = ops.where(mask[..., None], sequences, -np.inf)
            # -inf in a row without steps; told so, because Keras refuses to take it of no rows.
            pooled = ops.max(counted, axis=1, initial=-np.inf)
            return ops.where(ops.any(mask, axis=1, keepdims=True), pooled, 0)
        counted = ops.where(mask[..., None], sequences, 0)  # (batch, timesteps, features)
        if self.mode == "mean":
            # A long sum is beyond the range and the precision of float16.
            dtype = keras.backend.result_type(sequences.dtype, "float32")
            total = ops.sum(ops.cast(counted, dtype), axis=1)
            steps = ops.sum(ops.cast(mask, dtype), axis=1, keepdims=True)
            return ops.cast(total / ops.maximum(steps, 1), sequences.dtype)
        steps = ops.cast(mask, "int32")
        if self.mode == "last":
            steps = steps * ops.arange(1, ops.shape(mask)[1] + 1)
        position = ops.argmax(steps, axis=1)[:, None, None]  # (batch, 1, 1); the first of equals
        return ops.take_along_axis(counted, position, axis=1)[:, 0]

    def compute_mask(self, sequences: Tensor, mask: Tensor | None = None) -> None:
        return None  # no time axis is left

    def compute_output_shape(self, sequences_shape: Shape) -> Shape:
        return (sequences_shape[0], sequences_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mode": self.mode}
