"""The graph that ONNX and LiteRT files hold, token ids to probabilities, and how it is compared."""

from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from zoo.layers import RecurrentStack
from zoo.networks.many_to_one import probabilities_of
from zoo.predictors.dna_classifier import DnaClassifier
from zoo.predictors.text_classifier import TextClassifier
from zoo.serving.export.formats import ExportError
from zoo.text.special_tokens import PADDING_ID

INPUT, OUTPUT = "token_ids", "probabilities"
TOLERANCE = 1e-5  # of a probability, against Keras
Run = Callable[[np.ndarray], np.ndarray]  # int32 (batch, timesteps) -> float32 (batch, labels)
Ided = TextClassifier | DnaClassifier  # what these files hold: ids in, a label out
_LENGTHS = (1, 2, 7, 30)  # timesteps of the batches that are compared


class Network(tf.Module):
    """What is converted: token ids to the probability of each label, in float32.

    A model that was trained in mixed precision keeps its weights in float32, and is computed in
    float32 here: half precision is a matter of the device, and of its own tools.

    Args:
        predictor: a classifier of tokens or letters.
        batch: number of rows, None for any.
    """

    def __init__(self, predictor: Ided, batch: int | None = None):
        super().__init__()
        self.number_of_ids = predictor.number_of_ids
        model = _for_conversion(predictor.model)
        # Plain variables: LiteRT's converter makes constants of those, but leaves the ones that it
        # finds through a Keras layer without a value, and the file then answers NaN.
        self.weights = [variable.value for variable in model.variables]

        temperature = predictor.calibration.temperature
        ids = tf.TensorSpec((batch, None), tf.int32, INPUT)

        @tf.function(input_signature=[ids], autograph=False)
        def function(token_ids: tf.Tensor) -> dict[str, tf.Tensor]:
            # Engines count negative ids from the end, and refuse those that are too large.
            ids = tf.where(token_ids < 0, self.number_of_ids, token_ids)
            if batch is None:  # none of any size is too few
                missing = tf.cast(tf.shape(ids) == 0, tf.int32)
                padded = tf.pad(ids, tf.stack([tf.zeros_like(missing), missing], axis=1))
                answer = probabilities_of(model(padded, training=False) / temperature)
                return {OUTPUT: answer[: tf.shape(ids)[0]]}
            return {OUTPUT: probabilities_of(model(ids, training=False) / temperature)}

        self.function = function

    def largest_difference(self, run: Run, batches: Sequence[int]) -> float:
        """The largest difference of a probability between an exported network and this one.

        Compares batches of these sizes, at several lengths, padded and not. Above `TOLERANCE`, or
        if it is not a number, it is an ExportError.
        """
        differences = []
        for ids in _token_ids(self.number_of_ids, batches):
            expected = self.function(ids)[OUTPUT].numpy()
            answer = run(ids)
            if answer.shape != expected.shape:
                shapes = f"{answer.shape} instead of {expected.shape}"
                raise ExportError(f"not exported: it answers {shapes}")
            differences.append(np.abs(answer - expected).max())
        largest = float(np.max(differences))  # NaN if any is
        if not largest <= TOLERANCE:
            raise ExportError(f"not exported: it differs from the Keras model by {largest:.1e}")
        return largest


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


def _token_ids(number_of_ids: int, batches: Sequence[int]) -> Iterator[np.ndarray]:
    """Batches of random ids: without padding, then with rows of any length, 0 included."""
    generator = np.random.default_rng(0)
    for batch in batches:
        for timesteps in _LENGTHS:
            ids = generator.integers(1, number_of_ids, (batch, timesteps), dtype="int32")
            yield ids
            lengths = generator.integers(0, timesteps, (batch, 1), endpoint=True)
            yield np.where(np.arange(timesteps) < lengths, ids, np.int32(PADDING_ID))
