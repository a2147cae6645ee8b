"""One label for each text."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo import evaluation
from zoo.cells.typing import Tensor
from zoo.datasets.batches.by_length import BucketedBatches
from zoo.networks.many_to_one import probabilities_of
from zoo.predictors.base import (
    Predictor,
    load_vocabulary,
    map_by_length,
    texts_of,
    unknown_share,
)
from zoo.predictors.calibration import Calibration, calibrated
from zoo.predictors.endpoints import (
    Arrays,
    Endpoint,
    request,
    require_between,
    require_few,
    text_endpoint,
)
from zoo.predictors.graphs import for_keras, graph, with_a_step
from zoo.text.special_tokens import PADDING_ID
from zoo.text.words import WordTokenizer
from zoo.training import BinarySequenceCrossentropy, SequenceCrossentropy

VOCABULARY_NAME = "vocabulary.txt"
_MOST_STEPS = 2**19  # of a request: a step takes up to 10 kB
_WARM_UP_TEXTS = (
    ["A moving, funny and beautifully acted film."],
    ["", "Two hours that I will never get back!", "Ça ne m’a pas plu du tout… \U0001f622"],
    ["It is not nearly as bad as the trailer made me fear. " * 50] * 8,
)


class TextClassifier(Predictor):
    """A many-to-one network with its tokenizer and labels.

    Args:
        model: `keras.Model`, int32 ids (batch, timesteps) -> logits, (batch, 1) for two labels or
            (batch, labels).
        tokenizer: strings -> ids.
        label_names: the labels in the order of the classes.

    Raises:
        ValueError: the model has another number of classes than there are labels.
    """

    kind = "text_classifier"

    def __init__(self, model: keras.Model, tokenizer: WordTokenizer, label_names: Sequence[str]):
        classes = max(2, model.output_shape[-1])
        if classes != len(label_names):
            raise ValueError(f"{len(label_names)} labels for a model of {classes} classes")
        self.model = model
        self.tokenizer = tokenizer
        self.label_names = tuple(label_names)
        self._judge = graph(self._judged)
        # One graph, on any backend: operation by operation, a text takes four times as long.
        self._ids = tf.function(
            lambda texts: self.tokenizer(texts), [tf.TensorSpec([None], tf.string)], autograph=False
        )

    def compile(self, optimizer: keras.optimizers.Optimizer) -> keras.Model:
        """Compiles the model for training: cross-entropy of its logits, and accuracy."""
        if self.model.output_shape[-1] == 1:
            loss = BinarySequenceCrossentropy()
            accuracy = keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)  # of a logit
        else:
            loss = SequenceCrossentropy()
            accuracy = keras.metrics.SparseCategoricalAccuracy("accuracy")
        self.model.compile(optimizer=optimizer, loss=loss, metrics=[accuracy])
        return self.model

    def batches(
        self,
        texts: Sequence[str],
        labels: np.ndarray,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
    ) -> BucketedBatches:
        """Batches of texts and the indices of their labels."""
        ids = self.tokenizer.ragged(texts)
        return BucketedBatches(ids, labels, batch_size=batch_size, shuffle=shuffle, seed=seed)

    def predict(self, texts: Iterable[str], batch_size: int = 64) -> list[dict[str, Any]]:
        """One dict per text, in order: `label`, its `probability`, and whether it is `familiar`.

        The probability is a float in [0, 1]. A text is familiar if no more of its words are unknown
        than of 99 of 100 texts of the validation data.
        """
        probabilities, unknown = self._judgements(texts, batch_size)
        return [
            {
                "label": self.label_names[row.argmax()],
                "probability": float(row.max()),
                "familiar": bool(share <= self.calibration.most_unknown),
            }
            for row, share in zip(probabilities, unknown, strict=True)
        ]

    def probabilities(self, texts: Iterable[str], batch_size: int = 64) -> np.ndarray:
        """The probability of each label, (texts, labels) float32, in the order of `texts`."""
        return self._judgements(texts, batch_size)[0]

    def _judgements(self, texts: Iterable[str], batch_size: int = 64) -> tuple[np.ndarray, ...]:
        """The probabilities, and the share of unknown words of each text."""

        def judge(some: list[str]) -> Iterable[tuple[np.ndarray, float]]:
            ids = self._ids(tf.constant(some, tf.string))
            found = ops.convert_to_numpy(self._judge(for_keras(ids), self.calibration.temperature))
            return zip(found, unknown_share(ids.numpy()), strict=True)

        judged = map_by_length(judge, texts_of(texts, self.longest), batch_size)
        rows, shares = zip(*judged, strict=True) if judged else ((), ())
        return np.array(rows, "float32").reshape(-1, len(self.label_names)), np.array(shares)

    def _judged(self, token_ids: Tensor, temperature: float) -> Tensor:
        return probabilities_of(self.model(token_ids, training=False) / temperature)

    def calibrate(self, train: Any, validation: Any) -> None:
        self.calibration = Calibration()
        probabilities, unknown = self._judgements(validation.texts)
        found = evaluation.calibration.temperature_of_labels(probabilities, validation.labels)
        self.calibration = calibrated(found, unknown)

    def evaluate(self, texts: Iterable[str], labels: np.ndarray) -> dict[str, Any]:
        """Compares predictions with true labels, (examples,) indices of `label_names`.

        Returns what `classification_metrics` and `calibration_metrics` of `zoo.evaluation` give.
        """
        found = self.probabilities(texts)
        right = found.argmax(axis=1) == labels
        return evaluation.classification.classification_metrics(
            labels, found
        ) | evaluation.calibration.calibration_metrics(found.max(axis=1), right)

    def resources(self) -> tuple:
        return (self.tokenizer,)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """What a served model answers to: texts, or ids with the lengths of their rows."""

        def of_texts(inputs: Arrays) -> Arrays:
            return self._expected(self.tokenizer.ragged(inputs["text"]))

        def of_ids(inputs: Arrays) -> Arrays:
            rows = tf.RaggedTensor.from_tensor(inputs["token_ids"], inputs["length"])
            return self._expected(rows)

        ids = (
            tf.TensorSpec([None, None], tf.int32, "token_ids"),
            tf.TensorSpec([None], tf.int32, "length"),
        )
        rows = [self.tokenizer.ragged(texts) for texts in _WARM_UP_TEXTS]
        examples = [
            request(token_ids=row.to_tensor(), length=np.int32(row.row_lengths())) for row in rows
        ]
        return (
            text_endpoint(
                lambda text: self._answer(self.tokenizer(text)),
                _WARM_UP_TEXTS,
                of_texts,
                self.longest,
            ),
            Endpoint("token_ids", ids, self._answer_ids, examples, of_ids),
        )

    def _answer_ids(self, token_ids: tf.Tensor, length: tf.Tensor) -> dict[str, tf.Tensor]:
        """The answer to ids, whatever stands behind the length of a row."""
        rows, timesteps = tf.unstack(tf.shape(token_ids))
        tf.debugging.assert_equal(tf.size(length), rows, "length: one for each row of token_ids")
        require_between(length, 0, timesteps, "length: from 0 to the timesteps of token_ids")
        token_ids = tf.where(tf.sequence_mask(length, timesteps), token_ids, PADDING_ID)
        size = len(self.tokenizer.vocabulary)
        require_between(token_ids, 0, size - 1, f"token_ids: from 0 to {size - 1}")
        return self._answer(token_ids)

    def _answer(self, token_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        require_few(token_ids, _MOST_STEPS)
        probabilities = self._judged(with_a_step(token_ids), self.calibration.temperature)
        label = tf.gather(tf.constant(self.label_names), tf.argmax(probabilities, axis=-1))
        return {"label": label, "probabilities": probabilities}

    def _expected(self, ids: tf.RaggedTensor) -> Arrays:
        """Each text labelled by itself."""
        rows = [
            self._judge(for_keras(with_a_step(row[None])), self.calibration.temperature)
            for row in ids
        ]
        probabilities = np.concatenate([ops.convert_to_numpy(row) for row in rows])
        labels = [self.label_names[i] for i in probabilities.argmax(axis=1)]
        return request(label=labels, probabilities=probabilities)

    def save_assets(self, folder: Path) -> dict[str, Any]:
        vocabulary = self.tokenizer.vocabulary
        vocabulary.save(folder / VOCABULARY_NAME)
        return {
            "labels": list(self.label_names),
            "tokenizer": self.tokenizer.get_config(),
            "vocabulary_size": len(vocabulary),
        }

    @classmethod
    def load_assets(cls, folder: Path, config: dict[str, Any], model: keras.Model) -> Self:
        path = folder / VOCABULARY_NAME
        vocabulary = load_vocabulary(path, config["vocabulary_size"])
        tokenizer = WordTokenizer.from_config(config["tokenizer"], vocabulary, path)
        return cls(model, tokenizer, config["labels"])
