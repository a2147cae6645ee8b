"""From a sequence to one vector."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.cells.typing import Shape, Tensor

MODES = ("max", "mean", "first", "last", "place")


@keras.saving.register_keras_serializable(package="zoo")
class MaskedPooling(keras.layers.Layer):
    """Pools a sequence over time; masked steps do not count.

    Args:
        mode: "max", "mean", "first" or "last" (the first or the last step that counts), or "place".
        place: of "place", the step that is read, counting from 0 those that count: an integer; or a
            float from 0 to 1, the part of them that lies before it, so that 0.5 is the middle. In a
            row that ends before, it is the last.

    Call arguments:
        sequences: (batch, timesteps, features).
        mask: (batch, timesteps), boolean, or None. A row without any step that counts pools to 0.

    Returns:
        (batch, features).

    Raises:
        ValueError: if `mode` is none of these, or `place` is out of range.
    """

    def __init__(self, mode: str = "max", place: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(f"`mode` must be one of {', '.join(MODES)}. Received: {mode!r}")
        if mode == "place":
            _check_place(place)
        self.mode, self.place = mode, place
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
        elif self.mode == "place":
            steps = steps * ops.cast(ops.cumsum(steps, axis=1) <= self._rank(steps) + 1, "int32")
            steps = steps * ops.arange(1, ops.shape(mask)[1] + 1)
        position = ops.argmax(steps, axis=1)[:, None, None]  # (batch, 1, 1); the first of equals
        return ops.take_along_axis(counted, position, axis=1)[:, 0]

    def _rank(self, steps: Tensor) -> Tensor:
        """Of the step that "place" reads, among those that count: (batch, 1) int32."""
        if isinstance(self.place, int):
            return ops.full_like(steps[:, :1], self.place)
        total = ops.sum(steps, axis=1, keepdims=True)
        return ops.cast(ops.floor(ops.cast(total, "float32") * self.place), "int32")

    def compute_mask(self, sequences: Tensor, mask: Tensor | None = None) -> None:
        return None  # no time axis is left

    def compute_output_shape(self, sequences_shape: Shape) -> Shape:
        return (sequences_shape[0], sequences_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mode": self.mode, "place": self.place}


def _check_place(place: Any) -> None:
    number = isinstance(place, int | float) and not isinstance(place, bool)
    if not number or place < 0 or (isinstance(place, float) and place > 1):
        raise ValueError(
            f"`place` must be an integer of at least 0, or a float from 0 to 1. Received: {place!r}"
        )


@keras.saving.register_keras_serializable(package="zoo")
class AttentionPooling(keras.layers.Layer):
    """The mean of a sequence over time, each step weighed by how well it answers a learnt query.

        α<t> = softmax over t of q · tanh(W a<t> + b)
        pooled = Σ_t α<t> a<t>

    Source: Yang et al. (2016), "Hierarchical attention networks for document classification".

    Args:
        units: size of the query q.

    Call arguments:
        sequences: a, (batch, timesteps, features).
        mask: (batch, timesteps), boolean, or None; where it is False, the weight is 0. A row
            without any step that counts pools to 0.

    Returns:
        (batch, features).
    """

    def __init__(self, units: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = units
        self.keys = keras.layers.Dense(
            units, activation="tanh", name="keys", dtype=self.dtype_policy
        )

    def build(self, sequences_shape: Shape) -> None:
        self.keys.build(sequences_shape)
        self.query = self.add_weight(
            shape=(self.units, 1), initializer="glorot_uniform", name="query"
        )

    def call(self, sequences: Tensor, mask: Tensor | None = None) -> Tensor:
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        energies = ops.cast(ops.matmul(self.keys(sequences), self.query), dtype)
        if mask is not None:
            mask = ops.cast(mask, "bool")[..., None]  # (batch, timesteps, 1)
            # Not -inf: the softmax of a row without any step, and its gradient, would be NaN.
            energies = ops.where(mask, energies, -1e9)
        # `ops.softmax` warns of a sequence of one step, where the weight is 1.
        weights = ops.exp(energies - ops.logsumexp(energies, axis=1, keepdims=True))
        if mask is not None:
            weights = ops.where(mask, weights, 0.0)
            sequences = ops.where(mask, sequences, 0)
        return ops.sum(ops.cast(weights, sequences.dtype) * sequences, axis=1)

    def compute_mask(self, sequences: Tensor, mask: Tensor | None = None) -> None:
        return None  # no time axis is left

    def compute_output_shape(self, sequences_shape: Shape) -> Shape:
        return (sequences_shape[0], sequences_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units}
