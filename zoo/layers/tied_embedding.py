"""Token vectors that are the kernel of the logits too."""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="zoo")
class TiedEmbedding(keras.layers.ReversibleEmbedding):
    """Token vectors that are the kernel of the logits too, with a bias for the logits.

    Call arguments:
        inputs: ids of any shape; with `reverse` vectors, (..., output_dim).
        reverse: whether logits are asked for.

    Returns:
        The vectors of the ids, (..., output_dim), or logits, (..., input_dim).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Shape | None = None) -> None:
        super().build(input_shape)
        self.bias = self.add_weight(shape=(self.input_dim,), initializer="zeros", name="bias")

    def kernel(self) -> Tensor:
        """The vectors transposed, (output_dim, input_dim), once for many calls of `logits`.

        A product with vectors that are not turned takes half as long again.
        """
        return ops.transpose(self.embeddings)

    def logits(self, x: Tensor, kernel: Tensor) -> Tensor:
        """What `call` gives in `reverse`, by what `kernel` returned."""
        return ops.matmul(ops.cast(x, kernel.dtype), kernel) + self.bias

    def call(self, inputs: Tensor, reverse: bool = False) -> Tensor:
        outputs = super().call(inputs, reverse=reverse)
        return outputs + self.bias if reverse else outputs

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        return mask

    @property
    def variable_serialization_spec(self) -> dict[str, list[str]]:
        """The names of the weights in a file, by mode of quantisation."""
        spec = super().variable_serialization_spec
        return {mode: [*names, "bias"] for mode, names in spec.items()}
