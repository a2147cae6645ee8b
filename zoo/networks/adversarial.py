"""Adversarial training of networks that read word vectors."""

from typing import Any

import keras

from zoo.errors import UserError
from zoo.layers.perturbation import Perturbation, adversarial_offset


@keras.saving.register_keras_serializable(package="zoo")
class AdversarialModel(keras.Model):
    """A model that trains on the worst nearby word vectors (Miyato, Dai & Goodfellow 2017).

    Each step first finds by the gradient how to change the word vectors of every text, a little,
    so that the loss rises most; then it trains on the changed ones. A network cannot then lean on
    directions in which a single word decides. A step takes about twice as long. The paper adds the
    loss of the unchanged text and normalises the embedding; here the size of the change is relative
    to the text's vectors instead.

    The model needs a layer `zoo.layers.Perturbation` behind its embedding. Prediction and
    evaluation are those of any `keras.Model`. TensorFlow backend only.

    Args:
        inputs, outputs, name: as for a functional `keras.Model`.
        size: of the change, as a fraction of the norm of a text's word vectors.

    Raises:
        UserError: on another backend.
    """

    def __init__(self, inputs: Any, outputs: Any, size: float = 0.02, **kwargs: Any):
        super().__init__(inputs, outputs, **kwargs)
        if keras.backend.backend() != "tensorflow":
            raise UserError(
                "adversarial training needs the TensorFlow backend: unset KERAS_BACKEND, or train "
                "without it (--adversarial 0)"
            )
        self.size = size

    def train_step(self, data: Any) -> dict[str, Any]:
        import tensorflow as tf

        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        (place,) = (layer for layer in self.layers if isinstance(layer, Perturbation))
        with tf.GradientTape() as tape:
            prediction = self(x, training=True)
            loss = self.compute_loss(x, y, prediction, sample_weight, training=True)
        vectors = place.passed
        offset = adversarial_offset(vectors, tape.gradient(loss, vectors), self.size)
        place.offset = tf.stop_gradient(offset)
        try:
            return super().train_step(data)
        finally:
            place.offset = None
