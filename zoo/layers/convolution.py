"""A convolution over time that padding does not reach."""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Shape, Tensor
from zoo.layers.subsampling import subsampled


@keras.saving.register_keras_serializable(package="zoo")
class MaskedConvolution(keras.layers.Layer):
    """Looks for patterns in a window around each step, or around each so many of them.

        y<j> = ReLU(Σ_k W_k x<j stride + k> + b)

    for k from -floor((width - 1) / 2) to floor(width / 2).
    Steps that are masked, and those before the first and after the last, are zeros: a sequence
    gives the same alone and in a batch of longer ones.

    Args:
        filters: size of y.
        width: steps of a window.
        stride: steps from a window to the next.

    Call arguments:
        sequences: (batch, timesteps, features).
        mask: (batch, timesteps), boolean, or None; `zoo.layers.subsampling.subsampled` tells that
            of the result.

    Returns:
        (batch, ceil(timesteps / stride), filters).

    Raises:
        ValueError: if an argument is below 1.
    """

    def __init__(self, filters: int, width: int, stride: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, value in (("filters", filters), ("width", width), ("stride", stride)):
            if value < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {value!r}")
        self.supports_masking = True
        self.filters, self.width, self.stride = filters, width, stride
        self.convolution = keras.layers.Conv1D(
            filters,
            width,
            strides=stride,
            activation="relu",
            name="convolution",
            dtype=self.dtype_policy,
        )

    def build(self, sequences_shape: Shape) -> None:
        self.convolution.build((*sequences_shape[:-2], None, sequences_shape[-1]))

    def call(self, sequences: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is not None:
            sequences = ops.where(ops.cast(mask, "bool")[..., None], sequences, 0)
        around = [[0, 0], [(self.width - 1) // 2, self.width // 2], [0, 0]]
        return self.convolution(ops.pad(sequences, around))

    def compute_mask(self, sequences: Tensor, mask: Tensor | None = None) -> Tensor | None:
        return None if mask is None else subsampled(mask, self.stride)

    def compute_output_shape(self, sequences_shape: Shape) -> Shape:
        batch, steps, _ = sequences_shape
        return (batch, None if steps is None else -(-steps // self.stride), self.filters)

    def get_config(self) -> dict[str, Any]:
        own = {"filters": self.filters, "width": self.width, "stride": self.stride}
        return super().get_config() | own
