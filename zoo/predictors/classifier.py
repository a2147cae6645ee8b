"""One label for each input: what classifiers share, whatever they read."""

import abc
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo import evaluation
from zoo.cells.typing import Tensor
from zoo.networks.many_to_one import probabilities_of
from zoo.predictors.base import Predictor, map_by_length
from zoo.predictors.calibration import Calibration, calibrated
from zoo.predictors.endpoints import Arrays, request, require_few
from zoo.predictors.graphs import for_keras, graph
from zoo.training import BinarySequenceCrossentropy, SequenceCrossentropy


class Classifier(Predictor):
    """A many-to-one network with its labels.

    A subclass says what an input is: `_checked` makes items of what callers hand over, each with a
    length; `_encoded` makes of some items what the network reads; `_inputs_of` takes the inputs out
    of examples.

    Args:
        model: `keras.Model` whose logits are (batch, 1) for two labels or (batch, labels).
        label_names: the labels in the order of the classes.

    Attributes:
        most_steps: of a request, padding included: a step takes up to 10 kB.
        most_together: steps, padding included, of a batch of `predict`; None for any number.

    Raises:
        ValueError: the model has another number of classes than there are labels.
    """

    most_steps: ClassVar[int] = 2**19
    most_together: ClassVar[int | None] = None

    def __init__(self, model: keras.Model, label_names: Sequence[str]):
        classes = max(2, model.output_shape[-1])
        if classes != len(label_names):
            raise ValueError(f"{len(label_names)} labels for a model of {classes} classes")
        self.model = model
        self.label_names = tuple(label_names)
        self._judge = graph(self._judged)

    @abc.abstractmethod
    def _checked(self, inputs: Iterable[Any]) -> list[Any]:
        """The items that callers mean; errors as of `predict`."""

    @abc.abstractmethod
    def _encoded(self, items: list[Any]) -> tuple[Any, np.ndarray]:
        """What the network reads of a batch, tensors of TensorFlow, and how unknown each item is.

        That is the share of what is in it that is not known, from 0 to 1, (batch,).
        """

    @abc.abstractmethod
    def _inputs_of(self, examples: Any) -> Iterable[Any]:
        """The inputs of a split of a corpus."""

    def compile(
        self, optimizer: keras.optimizers.Optimizer, label_smoothing: float = 0.0
    ) -> keras.Model:
        """Compiles the model for training: cross-entropy of its logits, and accuracy.

        `label_smoothing` is the share of a target that is spread over all labels.
        """
        if self.model.output_shape[-1] == 1:
            loss = BinarySequenceCrossentropy(label_smoothing=label_smoothing)
            accuracy = keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)  # of a logit
        else:
            loss = SequenceCrossentropy(label_smoothing=label_smoothing)
            accuracy = keras.metrics.SparseCategoricalAccuracy("accuracy")
        self.model.compile(optimizer=optimizer, loss=loss, metrics=[accuracy])
        return self.model

    def predict(self, inputs: Iterable[Any], batch_size: int = 64) -> list[dict[str, Any]]:
        """One dict per input, in order: `label`, its `probability`, and whether it is `familiar`.

        The probability is a float in [0, 1]. An input is familiar if no more of it is unknown than
        of 99 of 100 inputs of the validation data.
        """
        return self._predicted(self._checked(inputs), batch_size)

    def _predicted(self, items: list[Any], batch_size: int = 64) -> list[dict[str, Any]]:
        probabilities, unknown = self._judgements(items, batch_size)
        return [
            {
                "label": self.label_names[row.argmax()],
                "probability": float(row.max()),
                "familiar": self._is_familiar(item, share),
            }
            for item, row, share in zip(items, probabilities, unknown, strict=True)
        ]

    def _is_familiar(self, item: Any, unknown: float) -> bool:
        return bool(unknown <= self.calibration.most_unknown)

    def probabilities(self, inputs: Iterable[Any], batch_size: int = 64) -> np.ndarray:
        """The probability of each label, (inputs, labels) float32, in the order of `inputs`."""
        return self._judgements(self._checked(inputs), batch_size)[0]

    def _judgements(self, items: list[Any], batch_size: int = 64) -> tuple[np.ndarray, ...]:
        """The probabilities, and how unknown each item is."""

        def judge(some: list[Any]) -> Iterable[tuple[np.ndarray, float]]:
            given, unknown = self._encoded(some)
            found = self._judge(_for_keras(given), self.calibration.temperature)
            return zip(ops.convert_to_numpy(found), unknown, strict=True)

        judged = map_by_length(judge, items, batch_size, self.most_together)
        rows, shares = zip(*judged, strict=True) if judged else ((), ())
        return np.array(rows, "float32").reshape(-1, len(self.label_names)), np.array(shares)

    def _judged(self, given: Any, temperature: float) -> Tensor:
        return probabilities_of(self.model(given, training=False) / temperature)

    def calibrate(self, train: Any, validation: Any) -> None:
        self.calibration = Calibration()
        probabilities, unknown = self._judgements(self._checked(self._inputs_of(validation)))
        found = evaluation.calibration.temperature_of_labels(probabilities, validation.labels)
        self.calibration = calibrated(found, unknown)

    def evaluate(self, inputs: Iterable[Any], labels: np.ndarray) -> dict[str, Any]:
        """Compares predictions with true labels, (examples,) indices of `label_names`.

        Returns what `classification_metrics` and `calibration_metrics` of `zoo.evaluation` give.
        """
        return self._measured(self.probabilities(inputs), labels)

    def _measured(self, probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
        right = probabilities.argmax(axis=1) == labels
        return evaluation.classification.classification_metrics(
            labels, probabilities
        ) | evaluation.calibration.calibration_metrics(probabilities.max(axis=1), right)

    def _answer(self, given: tf.Tensor) -> dict[str, tf.Tensor]:
        """The answer of an endpoint to what the network reads, (batch, timesteps, ...)."""
        require_few(tf.nest.flatten(given)[0], self.most_steps)
        probabilities = self._judged(given, self.calibration.temperature)
        label = tf.gather(tf.constant(self.label_names), tf.argmax(probabilities, axis=-1))
        return {"label": label, "probabilities": probabilities}

    def _expected(self, rows: Iterable[Any]) -> Arrays:
        """The same, by the predictor, of what the network reads of each input by itself."""
        found = [self._judge(_for_keras(row), self.calibration.temperature) for row in rows]
        probabilities = np.concatenate([ops.convert_to_numpy(row) for row in found])
        labels = [self.label_names[i] for i in probabilities.argmax(axis=1)]
        return request(label=labels, probabilities=probabilities)


def _for_keras(given: Any) -> Any:
    return tf.nest.map_structure(for_keras, given)
