"""Token vectors that are the kernel of the logits too."""

import keras


@keras.saving.register_keras_serializable(package="zoo")
class TiedEmbedding(keras.layers.ReversibleEmbedding):
    """Token vectors that are the kernel of the logits too, with a bias for the logits.

    Call arguments:
        inputs: ids of any shape; with `reverse` vectors, (..., output_dim).
        reverse: whether logits are asked for.

    Returns:
        The vectors of the ids, (..., output_dim), or logits, (..., input_dim).
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.supports_masking = True

    def build(self, input_shape=None):
        super().build(input_shape)
        self.bias = self.add_weight(shape=(self.input_dim,), initializer="zeros", name="bias")

    def call(self, inputs, reverse=False):
        outputs = super().call(inputs, reverse=reverse)
        return outputs + self.bias if reverse else outputs

    def compute_mask(self, inputs, mask=None):
        return mask

    @property
    def variable_serialization_spec(self):
        """The names of the weights in a file, by mode of quantisation."""
        spec = super().variable_serialization_spec
        return {mode: [*names, "bias"] for mode, names in spec.items()}
