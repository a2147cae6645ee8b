"""A place in a network where adversarial training may add to what passes."""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="zoo")
class Perturbation(keras.layers.Layer):
    """Passes its input on, plus `offset` where one is set.

    `zoo.networks.AdversarialModel` sets and takes away `offset`, and reads in `passed` what came
    through, a tensor of any shape; without it the layer does nothing.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.offset = None
        self.passed = None

    def call(self, inputs: Tensor) -> Tensor:
        self.passed = inputs if self.offset is None else inputs + self.offset
        return self.passed

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        return inputs_shape


def adversarial_offset(inputs: Tensor, gradients: Tensor, size: float) -> Tensor:
    """The change of each example, within a given size, that raises the loss most to first order.

        r = size ‖x‖₂ g / ‖g‖₂

    Args:
        inputs: x, (batch, timesteps, features), the word vectors of an example.
        gradients: g, of the loss by x, same shape.
        size: of r, as a fraction of the norm of the example.

    Returns:
        r, (batch, timesteps, features); 0 where the gradient of a whole example is 0.
    """

    def norm(x: Tensor) -> Tensor:
        return ops.sqrt(ops.sum(ops.square(ops.cast(x, "float32")), axis=(1, 2), keepdims=True))

    scale = size * norm(inputs) / ops.maximum(norm(gradients), 1e-12)
    return gradients * ops.cast(scale, gradients.dtype)
