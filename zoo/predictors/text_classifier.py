"""One label for each text."""

import keras
import numpy as np
from sklearn.metrics import confusion_matrix

from zoo.datasets.batching import BucketedBatches
from zoo.text import WordTokenizer
from zoo.training import BinarySequenceCrossentropy, SequenceCrossentropy
from zoo.vocabularies import Vocabulary

VOCABULARY_NAME = "vocabulary.txt"


class TextClassifier:
    """A many-to-one network with its tokenizer and labels.

    Args:
        model: `keras.Model`, int32 ids (batch, timesteps) -> logits, (batch, 1) for two labels or
            (batch, labels).
        tokenizer: `WordTokenizer`, strings -> ids.
        label_names: the labels in the order of the classes.

    Raises:
        ValueError: the model has another number of classes than there are labels.
    """

    kind = "text_classifier"

    def __init__(self, model, tokenizer, label_names):
        classes = max(2, model.output_shape[-1])
        if classes != len(label_names):
            raise ValueError(f"{len(label_names)} labels for a model of {classes} classes")
        self.model = model
        self.tokenizer = tokenizer
        self.label_names = tuple(label_names)

    def compile(self, optimizer):
        """Compiles the model for training: cross-entropy of its logits, and accuracy."""
        if self.model.output_shape[-1] == 1:
            loss = BinarySequenceCrossentropy()
            accuracy = keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)  # of a logit
        else:
            loss = SequenceCrossentropy()
            accuracy = keras.metrics.SparseCategoricalAccuracy("accuracy")
        self.model.compile(optimizer=optimizer, loss=loss, metrics=[accuracy])

    def predict(self, texts, batch_size=64):
        """Labels texts.

        Args:
            texts: list of strings.
            batch_size: texts per batch.

        Returns:
            One dict per text, in order: `label`, and its `probability`, a float in [0, 1].

        Raises:
            TypeError: `texts` is one string instead of a list of strings.
        """
        probabilities = self.probabilities(texts, batch_size)
        return [
            {"label": self.label_names[i], "probability": float(row[i])}
            for row, i in zip(probabilities, probabilities.argmax(axis=1), strict=True)
        ]

    def probabilities(self, texts, batch_size=64):
        """The probability of each label, (texts, labels) float32, in the order of `texts`."""
        if isinstance(texts, str):
            raise TypeError("`texts` must be a list of strings, not one string")
        texts = list(texts)
        result = np.zeros((len(texts), len(self.label_names)), dtype="float32")
        if not texts:
            return result
        batches = BucketedBatches(
            self.tokenizer.ragged(texts),
            np.zeros(len(texts), dtype="int32"),
            batch_size=batch_size,
            shuffle=False,
        )
        logits = self.model.predict(batches.dataset(), verbose=0)
        result[np.concatenate(batches.indices())] = self._softmax(logits)
        return result

    def _softmax(self, logits):
        if logits.shape[-1] == 1:  # the logit of the second label; that of the first is 0
            logits = np.concatenate([np.zeros_like(logits), logits], axis=-1)
        return keras.ops.convert_to_numpy(keras.ops.softmax(logits.astype("float32"), axis=-1))

    def evaluate(self, texts, labels):
        """Compares predictions with true labels.

        Args:
            texts: list of strings.
            labels: (examples,) integers, indices of `label_names`.

        Returns:
            dict of `accuracy`, `loss` (mean cross-entropy, in nats), `examples` and
            `confusion_matrix` (row the true label, column the predicted one).
        """
        probabilities = self.probabilities(texts)
        predicted = probabilities.argmax(axis=1)
        of_true = probabilities[np.arange(len(labels)), labels]
        matrix = confusion_matrix(labels, predicted, labels=range(len(self.label_names)))
        return {
            "accuracy": float((predicted == labels).mean()),
            "loss": float(-np.log(np.maximum(of_true, 1e-12)).mean()),
            "examples": len(labels),
            "confusion_matrix": matrix.tolist(),
        }

    def save_assets(self, folder):
        """Writes what the Keras archive does not hold; returns what else to remember of it."""
        vocabulary = self.tokenizer.vocabulary
        vocabulary.save(folder / VOCABULARY_NAME)
        return {
            "labels": list(self.label_names),
            "tokenizer": self.tokenizer.get_config(),
            "vocabulary_size": len(vocabulary),
        }

    @classmethod
    def load_assets(cls, folder, config, model):
        """The predictor of a model and what `save_assets` wrote and returned.

        Raises:
            UserError: the vocabulary cannot be read.
            KeyError, TypeError, ValueError: the parts are not those of one model.
        """
        path = folder / VOCABULARY_NAME
        vocabulary = Vocabulary.load(path)
        if len(vocabulary) != config["vocabulary_size"]:
            raise ValueError(
                f"{VOCABULARY_NAME} has {len(vocabulary)} tokens instead of "
                f"{config['vocabulary_size']}"
            )
        tokenizer = WordTokenizer.from_config(config["tokenizer"], vocabulary, path)
        return cls(model, tokenizer, config["labels"])
