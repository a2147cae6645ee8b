"""The beginning of networks that read clips: frames of a video, or paths of what moves in it."""

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import keras

from zoo.cells.typing import Tensor
from zoo.errors import UserError
from zoo.layers import FrameFeatures, MaskedConvolution
from zoo.layers.frame_features import mobilenet
from zoo.layers.subsampling import subsampled

CLIP, MASK = "clip", "mask"  # the inputs of a network


@dataclass(frozen=True)
class Clips:
    """Frames of a video: an encoder, see `zoo.networks.encoders`.

    Attributes:
        size: (height, width) of a frame, in pixels.
        channels: of a pixel.
        width, filters, differences, kind: see `zoo.layers.FrameFeatures`. A "mobilenet" has the
            weights that Keras has of ImageNet, which it downloads the first time; a UserError says
            that it cannot.
        convolution: frames that a convolution over time sees, which then makes the steps of their
            vectors; 0 for none.
    """

    size: tuple[int, int]
    channels: int = 3
    width: int = 64
    filters: tuple[int, ...] = (8, 16, 32)
    differences: bool = False
    kind: str = "convolution"
    convolution: int = 0
    readings: ClassVar[int] = 1

    def inputs(self) -> dict[str, Tensor]:
        """The inputs of a network, by name.

        `clip`, (batch, timesteps, height, width, channels), is brightness from 0 to 255 of any
        type; `mask`, (batch, timesteps), is 1 for each frame that counts.
        """
        return _inputs(*self.size, self.channels)

    def steps(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        mask = keras.ops.not_equal(inputs[MASK], 0)
        features = FrameFeatures(
            self.width, self.filters, self.differences, self.kind, name="frame_features"
        )
        if features.network is not None:
            features.network.set_weights(_pretrained().get_weights())
        x = features(inputs[CLIP], mask=mask)
        if self.convolution:
            x = MaskedConvolution(self.width, self.convolution, name="convolution")(x, mask=mask)
        return x, mask


@dataclass(frozen=True)
class Paths:
    """Coordinates of what moves in a video: an encoder, see `zoo.networks.encoders`.

    A convolution over time makes steps of them, after the changes since the moment before were put
    beside them.

    Attributes:
        size: numbers of a moment.
        width: moments that the convolution sees.
        filters: features of a step.
        stride: moments from one step to the next, which makes long paths shorter.
    """

    size: int
    width: int = 9
    filters: int = 64
    stride: int = 3
    readings: ClassVar[int] = 1

    def inputs(self) -> dict[str, Tensor]:
        """The inputs of a network, by name.

        They are `clip`, (batch, timesteps, size), and `mask`, (batch, timesteps), which is 1 for
        each moment that counts.
        """
        return _inputs(self.size)

    def steps(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        mask = keras.ops.not_equal(inputs[MASK], 0)
        path = inputs[CLIP]
        changes = path[:, 1:] - path[:, :-1]
        changes = keras.ops.pad(changes, [[0, 0], [1, 0], [0, 0]])
        x = keras.ops.concatenate([path, changes], axis=-1)  # (batch, timesteps, 2 * size)
        convolution = MaskedConvolution(self.filters, self.width, self.stride, name="convolution")
        return convolution(x, mask=mask), subsampled(mask, self.stride)


def _inputs(*shape: int) -> dict[str, Tensor]:
    return {
        CLIP: keras.Input((None, *shape), dtype="float32", name=CLIP),
        MASK: keras.Input((None,), dtype="int32", name=MASK),
    }


def _pretrained() -> keras.Model:
    """A UserError says that the weights cannot be had."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras tells of the download
            return mobilenet("imagenet")
    except Exception as error:  # Keras raises what is no class of its own
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"cannot fetch the weights of MobileNetV2 ({reason}): take the small network, or copy "
            "them from a machine that has them, in ~/.keras/models"
        ) from error
