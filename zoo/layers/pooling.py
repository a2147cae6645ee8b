"""From a sequence to one vector."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="zoo")
class MaskedPooling(keras.layers.Layer):
    """Pools a sequence over time; masked steps do not count.

    Args:
        mode: "max", "mean" or "last" (the last step that counts).

    Call arguments:
        sequences: (batch, timesteps, features).
        mask: (batch, timesteps), boolean, or None. A row without any step that counts pools to 0.

    Returns:
        (batch, features).

    Raises:
        ValueError: if `mode` is none of these.
    """

    def __init__(self, mode="max", **kwargs):
        super().__init__(**kwargs)
        if mode not in ("max", "mean", "last"):
            raise ValueError(f'`mode` must be "max", "mean" or "last". Received: {mode!r}')
        self.mode = mode
        self.supports_masking = True

    def call(self, sequences, mask=None):
        if mask is None:
            mask = ops.ones(ops.shape(sequences)[:2], dtype="bool")
        counts = ops.cast(mask, sequences.dtype)[..., None]  # (batch, timesteps, 1)
        if self.mode == "mean":
            steps = ops.maximum(ops.sum(counts, axis=1), 1)
            return ops.sum(sequences * counts, axis=1) / steps
        if self.mode == "last":
            positions = ops.arange(ops.shape(mask)[1]) * ops.cast(mask, "int32")
            last = ops.max(positions, axis=1, keepdims=True)[..., None]  # (batch, 1, 1)
            return ops.take_along_axis(sequences * counts, last, axis=1)[:, 0]
        # The least finite number, so that a masked step never wins, and rows without steps get 0.
        lowest = -1e9 if keras.backend.standardize_dtype(sequences.dtype) != "float16" else -6e4
        pooled = ops.max(ops.where(mask[..., None], sequences, lowest), axis=1)
        return ops.where(ops.any(mask, axis=1, keepdims=True), pooled, ops.zeros_like(pooled))

    def compute_mask(self, sequences, mask=None):
        return None  # no time axis is left

    def compute_output_shape(self, sequences_shape):
        return (sequences_shape[0], sequences_shape[-1])

    def get_config(self):
        return super().get_config() | {"mode": self.mode}
