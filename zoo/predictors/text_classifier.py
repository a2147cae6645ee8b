"""One label for each text."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from sklearn.metrics import confusion_matrix

from zoo.datasets.batches.by_length import BucketedBatches
from zoo.predictors.endpoints import Endpoint, request
from zoo.text.special_tokens import PADDING_ID
from zoo.text.vocabularies import Vocabulary
from zoo.text.words import WordTokenizer
from zoo.training import BinarySequenceCrossentropy, SequenceCrossentropy

VOCABULARY_NAME = "vocabulary.txt"
_WARM_UP_TEXTS = (
    ["A moving, funny and beautifully acted film."],
    ["", "Two hours that I will never get back!", "Ça ne m’a pas plu du tout… \U0001f622"],
    ["It is not nearly as bad as the trailer made me fear. " * 50] * 8,
)


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
        return self._probabilities_of(self.tokenizer.ragged(list(texts)), batch_size)

    def _probabilities_of(self, ids, batch_size=64):
        """The probability of each label for ragged ids (texts, None), in their order."""
        texts = int(ids.nrows())
        result = np.zeros((texts, len(self.label_names)), dtype="float32")
        if not texts:
            return result
        labels = np.zeros(texts, dtype="int32")  # nobody looks at them
        batches = BucketedBatches(ids, labels, batch_size=batch_size, shuffle=False)
        logits = self.model.predict(batches.dataset(), verbose=0)
        result[np.concatenate(batches.indices())] = ops.convert_to_numpy(probabilities_of(logits))
        return result

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

    def resources(self):
        """What `endpoints` use beside the model, for an export to keep."""
        return (self.tokenizer,)

    def endpoints(self):
        """What a served model answers to: texts, or ids with the lengths of their rows."""
        examples = [request(text=texts) for texts in _WARM_UP_TEXTS]
        padded = [self.tokenizer.ragged(texts) for texts in _WARM_UP_TEXTS]
        return (
            Endpoint(
                "serving_default",
                (tf.TensorSpec([None], tf.string, "text"),),
                lambda text: self._answer(self.tokenizer(text)),
                examples,
                lambda inputs: self._expected(self.tokenizer.ragged(inputs["text"])),
            ),
            Endpoint(
                "token_ids",
                (
                    tf.TensorSpec([None, None], tf.int32, "token_ids"),
                    tf.TensorSpec([None], tf.int32, "length"),
                ),
                self._answer_ids,
                [
                    request(token_ids=ids.to_tensor(), length=tf.cast(ids.row_lengths(), tf.int32))
                    for ids in padded
                ],
                lambda inputs: self._expected(
                    tf.RaggedTensor.from_tensor(inputs["token_ids"], inputs["length"])
                ),
            ),
        )

    def _answer_ids(self, token_ids, length):
        """The answer to ids, whatever stands behind the length of a row."""
        rows, timesteps = tf.unstack(tf.shape(token_ids))
        tf.debugging.assert_equal(tf.size(length), rows, "length: one for each row of token_ids")
        within = tf.sequence_mask(length, timesteps)
        return self._answer(tf.where(within, token_ids, PADDING_ID))

    def _answer(self, token_ids):
        # A request of no rows has no timesteps, and a recurrence needs one.
        missing = tf.cast(tf.shape(token_ids)[1] == 0, tf.int32)
        token_ids = tf.pad(token_ids, [[0, 0], [0, missing]], constant_values=PADDING_ID)
        probabilities = probabilities_of(self.model(token_ids, training=False))
        label = tf.gather(tf.constant(self.label_names), tf.argmax(probabilities, axis=-1))
        return {"label": label, "probabilities": probabilities}

    def _expected(self, ids):
        probabilities = self._probabilities_of(ids)
        labels = [self.label_names[i] for i in probabilities.argmax(axis=1)]
        return request(label=labels, probabilities=probabilities)

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


def probabilities_of(logits):
    """Probabilities, (batch, labels) float32, of logits, (batch, 1) or (batch, labels)."""
    logits = ops.cast(logits, "float32")
    if logits.shape[-1] == 1:  # the logit of the second label; that of the first is 0
        logits = ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
    return ops.softmax(logits, axis=-1)
