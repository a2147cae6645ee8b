"""What the tokenizers share: a vocabulary, raw text to its ids, and ids to text."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
import tensorflow as tf

from zoo.text.special_tokens import END, END_ID, PADDING, PADDING_ID, UNKNOWN, UNKNOWN_ID
from zoo.text.vocabularies import Vocabulary

Texts: TypeAlias = tf.Tensor | Sequence[str]
Place: TypeAlias = str | Path | None
_BATCH = 512  # texts to tokenise in one go: enough to be fast, few enough to use every core


class Tokenizer(tf.Module):
    """Turns raw text into ids, by the same object in training, in prediction and in an export.

    The work is done by stock TensorFlow operations, so that a served model takes plain strings and
    can never tokenise otherwise than the model was trained.

    Args:
        vocabulary: the tokens that have an id; all others are `<UNK>`.
        vocabulary_file: the file of the vocabulary, if an export is to keep it as an asset.
    """

    start_id = END_ID  # the token that a text is read after
    printed: ClassVar[dict[str, str]] = {PADDING: "", END: "", UNKNOWN: "\ufffd"}
    """How tokens are printed that are not printed as they are."""

    def __init__(self, vocabulary: Vocabulary, vocabulary_file: Place = None):
        super().__init__()
        self.vocabulary = vocabulary
        self._table = vocabulary.lookup_table(vocabulary_file)

    def join(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        """The texts, (batch,) strings, of ids, (batch, steps) integers.

        Padding and `<EOS>` give no text, `<UNK>` the replacement character U+FFFD.
        """
        return tf.strings.reduce_join(self._print(ids), axis=1)

    def get_config(self) -> dict[str, Any]:
        """The options, without the vocabulary, which has a file of its own."""
        return {}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], vocabulary: Vocabulary, vocabulary_file: Place = None
    ) -> Self:
        """The tokenizer that gave `config`, with the vocabulary that it had."""
        return cls(vocabulary, vocabulary_file=vocabulary_file, **config)

    def _ids(self, tokens: tf.Tensor) -> tf.Tensor:
        """The int32 ids of tokens; one that happens to be spelt like padding is a token as well."""
        return tf.cast(tf.maximum(self._table.lookup(tokens), UNKNOWN_ID), tf.int32)

    def _print(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        """The printed tokens of ids, (batch, steps) strings."""
        if isinstance(ids, tf.RaggedTensor):
            ids = ids.to_tensor(PADDING_ID)
        printed = [self.printed.get(token, token) for token in self.vocabulary.tokens]
        return tf.gather(tf.constant(printed), ids)


def reversed_rows(ids: tf.RaggedTensor) -> tf.RaggedTensor:
    """Ids, (batch, None), from the last of each row to its first."""
    return ids[:, ::-1]


def reversed_stream(ids: np.ndarray) -> np.ndarray:
    """A stream, (tokens,) ids, from its end to its beginning; what `<EOS>` ended it ends again."""
    return np.roll(ids[::-1], -1)


def as_utf8(texts: Texts) -> tf.Tensor:
    """Texts, (batch,) strings; bytes that are not UTF-8, lest they fail a batch, become U+FFFD."""
    texts = tf.convert_to_tensor(texts, tf.string)
    return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")


def in_lines(texts: Texts) -> tf.Tensor:
    """Texts, (batch,) strings, normalised as far as TensorFlow can: no BOM, lines ended by LF.

    It has no NFC: what an export is sent should be in this form.
    """
    texts = tf.strings.regex_replace(as_utf8(texts), r"\r\n?", "\n")
    return tf.strings.regex_replace(texts, r"^\x{FEFF}", "")


def append_end(ids: tf.RaggedTensor) -> tf.RaggedTensor:
    """Ids, (batch, None), with `<EOS>` at the end of each row."""
    return tf.concat([ids, tf.fill([ids.nrows(), 1], END_ID)], axis=1)


def map_batches(
    make: Callable[[tf.Tensor], Any], texts: Texts, size: int = _BATCH
) -> Iterator[Any]:
    """Yields what `make` makes of batches of texts, in order, as arrays; on every core."""
    batches = tf.data.Dataset.from_tensor_slices(tf.convert_to_tensor(texts, tf.string))
    batches = batches.batch(size).map(make, num_parallel_calls=tf.data.AUTOTUNE)
    return batches.as_numpy_iterator()
