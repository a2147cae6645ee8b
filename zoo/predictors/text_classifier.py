"""One label for each text."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from zoo.datasets.batches.by_length import BucketedBatches
from zoo.networks.transfer import adversarial_like, with_head
from zoo.predictors.base import load_vocabulary, texts_of, unknown_share
from zoo.predictors.classifier import Classifier
from zoo.predictors.endpoints import Arrays, Endpoint, request, require_between, text_endpoint
from zoo.predictors.graphs import with_a_step
from zoo.text.special_tokens import PADDING_ID
from zoo.text.vocabularies import Vocabulary
from zoo.text.words import WordTokenizer

VOCABULARY_NAME = "vocabulary.txt"
_WARM_UP_TEXTS = (
    ["A moving, funny and beautifully acted film."],
    ["", "Two hours that I will never get back!", "Ça ne m’a pas plu du tout… \U0001f622"],
    ["It is not nearly as bad as the trailer made me fear. " * 50] * 8,
)


class TextClassifier(Classifier):
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
        self.tokenizer = tokenizer
        super().__init__(model, label_names)
        # One graph, on any backend: operation by operation, a text takes four times as long.
        self._ids = tf.function(
            lambda texts: self.tokenizer(texts), [tf.TensorSpec([None], tf.string)], autograph=False
        )

    @property
    def words(self) -> Vocabulary:
        """The words that have a vector."""
        return self.tokenizer.vocabulary

    def relabelled(self, label_names: Sequence[str], adversarial: float = 0.0) -> Self:
        """The same network and words for labels: with a new head, if they are others.

        `adversarial` is the size of the changes that it trains on (`AdversarialModel`), 0 for none;
        a UserError says that the network has no place for them.
        """
        model = self.model
        if tuple(label_names) != self.label_names:
            classes = len(label_names)
            model = with_head(model, {"logits": {"units": 1 if classes == 2 else classes}})
        model = adversarial_like(model, adversarial)
        return type(self)(model, self.tokenizer, label_names)

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

    @property
    def number_of_ids(self) -> int:
        """Ids that the network knows, that of padding included."""
        return len(self.tokenizer.vocabulary)

    def _checked(self, inputs: Iterable[str]) -> list[str]:
        return texts_of(inputs, self.longest)

    def _encoded(self, items: list[str]) -> tuple[tf.Tensor, np.ndarray]:
        """The ids, and the share of unknown words of each text."""
        ids = self._ids(tf.constant(items, tf.string))
        return ids, unknown_share(ids.numpy())

    def _inputs_of(self, examples: Any) -> list[str]:
        return examples.texts

    def resources(self) -> tuple:
        return (self.tokenizer,)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """What a served model answers to: texts, or ids with the lengths of their rows."""

        def expected(ids: tf.RaggedTensor) -> Arrays:
            return self._expected(with_a_step(row[None]) for row in ids)

        def of_texts(inputs: Arrays) -> Arrays:
            return expected(self.tokenizer.ragged(inputs["text"]))

        def of_ids(inputs: Arrays) -> Arrays:
            rows = tf.RaggedTensor.from_tensor(inputs["token_ids"], inputs["length"])
            return expected(rows)

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
                lambda text: self._answer(with_a_step(self.tokenizer(text))),
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
        last = self.number_of_ids - 1
        require_between(token_ids, 0, last, f"token_ids: from 0 to {last}")
        return self._answer(with_a_step(token_ids))

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
