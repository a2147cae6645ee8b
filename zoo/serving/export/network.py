"""The graph that ONNX and LiteRT files hold, inputs to probabilities, and how it is compared."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from zoo.layers import RecurrentStack
from zoo.networks.many_to_one import probabilities_of
from zoo.serving.export.formats import ExportError
from zoo.serving.export.readings import Converted, reading_of

OUTPUT = "probabilities"
TOLERANCE = 1e-5  # of a probability, against Keras
Run = Callable[..., np.ndarray]  # arrays (batch, timesteps, ...) -> float32 (batch, labels)


class Network(tf.Module):
    """What is converted: inputs to the probability of each label, in float32.

    A model that was trained in mixed precision keeps its weights in float32, and is computed in
    float32 here: half precision is a matter of the device, and of its own tools.

    Args:
        predictor: a classifier of tokens, letters or clips.
        batch: number of rows, None for any.

    `function` takes the inputs of its `reading`, in order.
    """

    def __init__(self, predictor: Converted, batch: int | None = None):
        super().__init__()
        self.reading = reading_of(predictor)
        model = _for_conversion(predictor.model)
        # Plain variables: LiteRT's converter makes constants of those, but leaves the ones that it
        # finds through a Keras layer without a value, and the file then answers NaN.
        self.weights = [variable.value for variable in model.variables]

        temperature = predictor.calibration.temperature
        specs = self.reading.specs(batch)

        @tf.function(input_signature=specs, autograph=False)
        def function(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            filled = inputs if batch else tuple(map(_not_empty, inputs))
            answer = model(self.reading.given(*filled), training=False) / temperature
            probabilities = probabilities_of(answer)
            return {OUTPUT: probabilities if batch else probabilities[: tf.shape(inputs[0])[0]]}

        self.function = function

    def named(self, inputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Inputs by their names in the file."""
        names = (spec.name for spec in self.reading.specs(None))
        return dict(zip(names, inputs, strict=True))

    def largest_difference(self, run: Run, batches: Sequence[int]) -> float:
        """The largest difference of a probability between an exported network and this one.

        Compares batches of these sizes, at several lengths, padded and not. Above `TOLERANCE`, or
        if it is not a number, it is an ExportError.
        """
        differences = []
        for inputs in self.reading.examples(batches):
            expected = self.function(*inputs)[OUTPUT].numpy()
            answer = run(*inputs)
            if answer.shape != expected.shape:
                shapes = f"{answer.shape} instead of {expected.shape}"
                raise ExportError(f"not exported: it answers {shapes}")
            differences.append(np.abs(answer - expected).max())
        largest = float(np.max(differences))  # NaN if any is
        if not largest <= TOLERANCE:
            raise ExportError(f"not exported: it differs from the Keras model by {largest:.1e}")
        return largest


def _not_empty(inputs: tf.Tensor) -> tf.Tensor:
    """Inputs with a row and a step of zeros if there is none: none of any size is too few."""
    missing = tf.cast(tf.shape(inputs)[:2] == 0, tf.int32)
    padding = tf.stack([tf.zeros_like(missing), missing], axis=1)
    padded = tf.pad(inputs, tf.pad(padding, [[0, inputs.shape.rank - 2], [0, 0]]))
    return tf.ensure_shape(padded, inputs.shape)


def _for_conversion(model: keras.Model) -> keras.Model:
    """The model without what training adds, in float32, each recurrence one loop, in order.

    Halves of a batch side by side are worth it to TensorFlow's executor alone.
    """

    def clone(operation: keras.Operation) -> keras.Operation:
        if not isinstance(operation, keras.layers.Layer):
            return type(operation).from_config(operation.get_config())
        layer = type(operation).from_config(operation.get_config() | {"dtype": "float32"})
        if isinstance(layer, RecurrentStack):
            for recurrence in layer.directions():
                recurrence.halves = recurrence.in_place = False
        return layer

    plain = keras.Model(model.input, model.output, name=model.name)
    copy = keras.models.clone_model(plain, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy
