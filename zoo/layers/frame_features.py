"""A vector for each frame of a clip."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Shape, Tensor
from zoo.video.frames import with_differences

KINDS = ("convolution", "mobilenet")
_KERNEL_SIZE = 3
_BRIGHTEST = 255


@keras.saving.register_keras_serializable(package="zoo")
class FrameFeatures(keras.layers.Layer):
    """Reads each frame by the same convolutional network.

        frame -> network -> dense -> norm -> ReLU

    - "convolution": a small network, [convolution 3 x 3 at every second place -> ReLU] ... The
      dense layer has weights of each place that is left, so that it tells where something is.
    - "mobilenet": MobileNetV2, and the mean over all places. Its weights are not trained: they are
      to be set to those of a network that was trained on many pictures.

    The norm is that of a vector (Ba et al. 2016, "Layer normalization"), and a MobileNet has the
    statistics of its own training, so that no frame depends on another one.

    Sources: Donahue et al. (2015), "Long-term recurrent convolutional networks for visual
    recognition and description"; Sandler et al. (2018), "MobileNetV2".

    Args:
        width: size of the vector.
        filters: features of each convolution of "convolution".
        differences: whether "convolution" reads the change since the frame before as one more
            channel, see `zoo.video.with_differences`.
        kind: "convolution" or "mobilenet".

    Call arguments:
        frames: (batch, timesteps, height, width, channels), brightness from 0 to 255; of
            "mobilenet" with one channel or three.
        mask: (batch, timesteps), boolean, or None; frames that it leaves out are black.

    Returns:
        (batch, timesteps, width).

    Raises:
        ValueError: if an argument is none of these, or a size is below 1.
    """

    def __init__(
        self,
        width: int = 64,
        filters: Sequence[int] = (8, 16, 32),
        differences: bool = False,
        kind: str = "convolution",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"`kind` must be one of {', '.join(KINDS)}. Received: {kind!r}")
        if width < 1 or not filters or min(filters) < 1:
            raise ValueError(
                "`width` and each of `filters` must be at least 1, and there must be one. "
                f"Received: {width!r} and {filters!r}"
            )
        if differences and kind != "convolution":
            raise ValueError(f"`differences` are a channel that {kind} does not know.")
        self.supports_masking = True
        self.width, self.filters = width, tuple(filters)
        self.differences, self.kind = differences, kind
        dtype = self.dtype_policy
        self.network: Any = mobilenet() if kind == "mobilenet" else None
        self.convolutions = [
            keras.layers.Conv2D(
                features,
                _KERNEL_SIZE,
                strides=2,
                padding="same",
                activation="relu",
                name=f"convolution_{i}",
                dtype=dtype,
            )
            for i, features in enumerate(self.filters if self.network is None else ())
        ]
        self.dense = keras.layers.Dense(width, name="dense", dtype=dtype)
        self.norm = keras.layers.LayerNormalization(name="norm", dtype=dtype)

    def build(self, frames_shape: Shape) -> None:
        shape: Shape = (None, *frames_shape[2:-1], frames_shape[-1] + self.differences)
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
        if self.network is None:
            self.size = shape[1] * shape[2] * shape[3]
        else:
            self.size = self.network.output_shape[-1]
        self.dense.build((None, self.size))
        self.norm.build((None, self.width))

    def call(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        batch, timesteps = ops.shape(frames)[:2]
        x = ops.cast(frames, self.compute_dtype) / _BRIGHTEST
        if mask is not None:
            x = ops.where(ops.cast(mask, "bool")[..., None, None, None], x, 0)
        if self.differences:
            x = with_differences(x)
        x = ops.reshape(x, (-1, *x.shape[2:]))  # (batch * timesteps, height, width, channels)
        if self.network is not None:
            colours = ops.repeat(x, 3, axis=-1) if x.shape[-1] == 1 else x
            x = ops.cast(self.network(2 * colours - 1, training=False), self.compute_dtype)
        for convolution in self.convolutions:
            x = convolution(x)
        x = ops.relu(self.norm(self.dense(ops.reshape(x, (-1, self.size)))))
        return ops.reshape(x, (batch, timesteps, self.width))

    def compute_mask(self, frames: Tensor, mask: Tensor | None = None) -> Tensor | None:
        return mask

    def compute_output_shape(self, frames_shape: Shape) -> Shape:
        return (*frames_shape[:2], self.width)

    def get_config(self) -> dict[str, Any]:
        own = {"width": self.width, "filters": self.filters, "differences": self.differences}
        return super().get_config() | own | {"kind": self.kind}


def mobilenet(weights: str | None = None) -> keras.Model:
    """MobileNetV2 for pictures from -1 to 1: (batch, height, width, 3) -> (batch, 1280).

    Its weights are drawn, or with "imagenet" those that Keras downloads; none is trainable.
    """
    size = 224 if weights else None  # that of the pictures of ImageNet, which the weights are of
    network = keras.applications.MobileNetV2(
        (size, size, 3), include_top=False, weights=weights, pooling="avg"
    )
    network.trainable = False
    return network
