"""Fewer steps, each of which holds more: in front of a recurrence that reads long sequences."""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Shape, Tensor

KINDS = ("stack", "convolution")


def subsampled(mask: Tensor, factor: int) -> Tensor:
    """The mask, (batch, ceil(timesteps / factor)), of what `Subsampling` returns."""
    return mask[:, ::factor]


@keras.saving.register_keras_serializable(package="zoo")
class Subsampling(keras.layers.Layer):
    """Makes one step of so many.

    - "stack": the features of the steps j f, ..., j f + f - 1 beside each other (Sak et al. 2015,
      "Fast and accurate recurrent neural network acoustic models for speech recognition").
    - "convolution": ReLU(Σ_k W_k x<j f + k> + b) for k from -f to f, as learnt (Amodei et al. 2016,
      "Deep Speech 2"). It looks f steps ahead.

    Steps that are masked, and those before the first and after the last, are zeros: a sequence
    gives the same alone and in a batch of longer ones.

    Args:
        factor: f, at least 1.
        kind: "stack" or "convolution".
        width: features of a step of "convolution"; those of a stack are f times as many as before.

    Call arguments:
        sequences: (batch, timesteps, features).
        mask: (batch, timesteps), boolean, or None; `subsampled` tells that of the result.

    Returns:
        (batch, ceil(timesteps / factor), features).

    Raises:
        ValueError: if an argument is out of range, or a convolution has no `width`.
    """

    def __init__(
        self, factor: int = 2, kind: str = "stack", width: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"`kind` must be one of {', '.join(KINDS)}. Received: {kind!r}")
        if factor < 1:
            raise ValueError(f"`factor` must be at least 1. Received: {factor!r}")
        if kind == "convolution" and (width is None or width < 1):
            raise ValueError(f"a convolution needs a `width` of at least 1. Received: {width!r}")
        self.supports_masking = True
        self.factor, self.kind, self.width = factor, kind, width
        self.convolution: Any = None
        if kind == "convolution":
            self.convolution = keras.layers.Conv1D(
                width,
                2 * factor + 1,
                strides=factor,
                activation="relu",
                name="convolution",
                dtype=self.dtype_policy,
            )

    def build(self, sequences_shape: Shape) -> None:
        if self.convolution is not None:
            self.convolution.build((*sequences_shape[:-2], None, sequences_shape[-1]))

    def call(self, sequences: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is not None:
            sequences = ops.where(ops.cast(mask, "bool")[..., None], sequences, 0)
        if self.convolution is not None:
            around = [[0, 0], [self.factor, self.factor], [0, 0]]
            return self.convolution(ops.pad(sequences, around))
        shifted = (ops.pad(sequences, [[0, 0], [0, i], [0, 0]]) for i in range(self.factor))
        return ops.concatenate([x[:, i :: self.factor] for i, x in enumerate(shifted)], axis=-1)

    def compute_mask(self, sequences: Tensor, mask: Tensor | None = None) -> Tensor | None:
        return None if mask is None else subsampled(mask, self.factor)

    def compute_output_shape(self, sequences_shape: Shape) -> Shape:
        batch, steps, features = sequences_shape
        steps = None if steps is None else -(-steps // self.factor)
        width = features * self.factor if self.convolution is None else self.width
        return (batch, steps, width)

    def get_config(self) -> dict[str, Any]:
        own = {"factor": self.factor, "kind": self.kind, "width": self.width}
        return super().get_config() | own
