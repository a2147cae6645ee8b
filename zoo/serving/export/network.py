"""The graphs that ONNX and LiteRT files hold, and how they are compared with Keras."""

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from zoo.layers import RecurrentStack
from zoo.layers.scan import in_order
from zoo.networks.many_to_one import probabilities_of
from zoo.serving.export.formats import ExportError
from zoo.serving.export.readings import Converted, reading_of

OUTPUT = "probabilities"
Arrays = Mapping[str, np.ndarray]
Run = Callable[[Arrays], Arrays]  # the inputs of a network by name -> its outputs


class FileNetwork(tf.Module, metaclass=abc.ABCMeta):
    """What is converted.

    Attributes:
        function: the graph, of tensors with names to a dict of tensors.
        tolerance: the largest difference of a number to Keras.
        dimensions: what the first dimensions of inputs and outputs are called, by their names.
    """

    function: Any
    tolerance: ClassVar[float] = 1e-5
    dimensions: Mapping[str, tuple[str, ...]]

    def for_converter(self) -> Any:
        """`function`, to be traced anew where converters find its loops as they want them."""

        def function(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            with in_order():
                found: dict[str, tf.Tensor] = self.function.python_function(*inputs)
                return found

        return tf.function(function, self.function.input_signature, autograph=False)

    @abc.abstractmethod
    def examples(self, batches: Sequence[int]) -> Iterator[Arrays]:
        """Inputs to compare with Keras, batches of these sizes."""

    def largest_difference(self, run: Run, batches: Sequence[int]) -> float:
        """The largest difference of a number between an exported network and this one.

        Above `tolerance`, or if it is not a number, it is an ExportError.
        """
        differences = []
        for inputs in self.examples(batches):
            expected = {n: t.numpy() for n, t in self.function(*inputs.values()).items()}
            answer = run(inputs)
            for name, array in expected.items():
                if answer[name].shape != array.shape:
                    shapes = f"{answer[name].shape} instead of {array.shape}"
                    raise ExportError(f"not exported: it answers {shapes}")
                differences.append(np.abs(answer[name] - array).max(initial=0))
        largest = float(np.max(differences))  # NaN if any is
        if not largest <= self.tolerance:
            raise ExportError(f"not exported: it differs from the Keras model by {largest:.1e}")
        return largest


class Network(FileNetwork):
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
        model = for_conversion(predictor.model)
        # Plain variables: LiteRT's converter makes constants of those, but leaves the ones that it
        # finds through a Keras layer without a value, and the file then answers NaN.
        self.weights = [variable.value for variable in model.variables]

        temperature = predictor.calibration.temperature
        specs = self.reading.specs(batch)
        self.dimensions = {spec.name: ("batch", "timesteps") for spec in specs}
        self.dimensions[OUTPUT] = ("batch", "labels")

        @tf.function(input_signature=specs, autograph=False)
        def function(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            filled = inputs if batch else tuple(map(not_empty, inputs))
            answer = model(self.reading.given(*filled), training=False) / temperature
            probabilities = probabilities_of(answer)
            return {OUTPUT: probabilities if batch else probabilities[: tf.shape(inputs[0])[0]]}

        self.function = function

    def examples(self, batches: Sequence[int]) -> Iterator[Arrays]:
        """What its `reading` has."""
        names = [spec.name for spec in self.reading.specs(None)]
        return (dict(zip(names, e, strict=True)) for e in self.reading.examples(batches))


def not_empty(inputs: tf.Tensor) -> tf.Tensor:
    """Inputs with a row and a step of zeros if there is none: none of any size is too few."""
    missing = tf.cast(tf.shape(inputs)[:2] == 0, tf.int32)
    padding = tf.stack([tf.zeros_like(missing), missing], axis=1)
    padded = tf.pad(inputs, tf.pad(padding, [[0, inputs.shape.rank - 2], [0, 0]]))
    return tf.ensure_shape(padded, inputs.shape)


def for_conversion(model: keras.Model) -> keras.Model:
    """The model without what training adds, in float32, each recurrence one loop.

    Halves of a batch side by side are worth it to TensorFlow's executor alone.
    """

    def clone(operation: keras.Operation) -> keras.Operation:
        if not isinstance(operation, keras.layers.Layer):
            return type(operation).from_config(operation.get_config())
        layer = type(operation).from_config(operation.get_config() | {"dtype": "float32"})
        if isinstance(layer, RecurrentStack):
            for recurrence in layer.directions():
                recurrence.halves = False
        return layer

    plain = keras.Model(model.input, model.output, name=model.name)
    copy = keras.models.clone_model(plain, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy
