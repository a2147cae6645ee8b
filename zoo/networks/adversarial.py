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
    evaluation are those of any `keras.Model`. On TensorFlow and JAX.

    Args:
        inputs, outputs, name: as for a functional `keras.Model`.
        size: of the change, as a fraction of the norm of a text's word vectors.

    Raises:
        UserError: on PyTorch.
    """

    def __init__(self, inputs: Any, outputs: Any, size: float = 0.02, **kwargs: Any):
        super().__init__(inputs, outputs, **kwargs)
        if keras.backend.backend() == "torch":
            raise UserError(
                "adversarial training needs the TensorFlow or the JAX backend: set KERAS_BACKEND, "
                "or train without it (--adversarial 0)"
            )
        self.size = size

    def train_step(self, *arguments: Any) -> Any:
        """One step: of `(data,)` on TensorFlow, of `(state, data)` on JAX."""
        (place,) = (layer for layer in self.layers if isinstance(layer, Perturbation))
        find = self._offset_on_jax if len(arguments) == 2 else self._offset_on_tensorflow
        try:
            place.offset, arguments = find(place, *arguments)
            return super().train_step(*arguments)
        finally:
            place.offset = place.passed = None

    def _offset_on_tensorflow(self, place: Perturbation, data: Any) -> tuple[Any, tuple]:
        import tensorflow as tf

        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            prediction = self(x, training=True)
            loss = self.compute_loss(x, y, prediction, sample_weight, training=True)
        vectors = place.passed
        offset = adversarial_offset(vectors, tape.gradient(loss, vectors), self.size)
        return tf.stop_gradient(offset), (data,)

    def _offset_on_jax(self, place: Perturbation, state: Any, data: Any) -> tuple[Any, tuple]:
        import jax

        weights, others, optimizer_variables, metrics_variables = state
        batch = keras.utils.unpack_x_y_sample_weight(data)

        def loss_at(offset: Any) -> tuple:
            place.offset = offset
            loss, found = self.compute_loss_and_updates(
                weights, others, metrics_variables, *batch, True, optimizer_variables
            )
            return loss, (place.passed, found[2])  # the latter: what dropout has drawn

        vectors = jax.eval_shape(lambda: loss_at(None)[1][0])
        nothing = jax.numpy.zeros(vectors.shape, vectors.dtype)
        gradient, (vectors, others) = jax.grad(loss_at, has_aux=True)(nothing)
        offset = adversarial_offset(vectors, gradient, self.size)
        state = (weights, others, optimizer_variables, metrics_variables)
        return jax.lax.stop_gradient(offset), (state, data)
