"""The beginning of networks that read frames of features rather than tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import keras

from zoo.cells.typing import Tensor
from zoo.layers import Subsampling
from zoo.layers.subsampling import subsampled

LAYER = "subsampling"


@dataclass(frozen=True)
class Frames:
    """What a network reads where it reads frames: an encoder, see `zoo.networks.encoders`.

    Attributes:
        size: features of a frame.
        subsampling: frames that make one step of the recurrence.
        kind, width: how; see `zoo.layers.Subsampling`.
    """

    size: int
    subsampling: int = 1
    kind: str = "stack"
    width: int | None = None
    readings: ClassVar[int] = 1

    def inputs(self) -> dict[str, Tensor]:
        """The inputs of a network, by name: see `zoo.networks.transcriber`."""
        return {
            "features": keras.Input((None, self.size), dtype="float32", name="features"),
            "mask": keras.Input((None,), dtype="int32", name="mask"),
        }

    def steps(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The steps, and which of them count: `steps_of` a new layer."""
        return self.steps_of(inputs, self.layer())

    def layer(self) -> Subsampling:
        """A new layer that makes steps of frames."""
        return Subsampling(self.subsampling, self.kind, self.width, name=LAYER)

    @staticmethod
    def steps_of(inputs: Mapping[str, Tensor], layer: Subsampling) -> tuple[Tensor, Tensor]:
        """The steps, (batch, steps, width), and which of them count, (batch, steps) boolean."""
        mask = keras.ops.not_equal(inputs["mask"], 0)
        return layer(inputs["features"], mask=mask), subsampled(mask, layer.factor)

    @classmethod
    def of(cls, model: keras.Model) -> "Frames":
        """Those of a model, also if it was loaded from a file."""
        layer = model.get_layer(LAYER)
        size = model.input["features"].shape[-1]
        return cls(size, layer.factor, layer.kind, layer.width)
