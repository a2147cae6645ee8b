"""Text as a sequence of sentences of words."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from zoo.text.special_tokens import END, PADDING
from zoo.text.tokenizer import (
    Place,
    Texts,
    append_end,
    map_batches,
    reversed_rows,
    reversed_stream,
)
from zoo.text.vocabularies import Vocabulary
from zoo.text.words import WordTokenizer

_BORDER = "\x1e"  # between sentences; "record separator", for words it is white space
_ENDS = r"""([.!?]["'”’»\p{Pe}]*)\s+|\n\s*\n"""

# The spaces of print, from words with a space between any two: none beside dashes, before what ends
# a phrase, after what opens a bracket, nor within double quotes, paired off from the left.
_SPACING = (
    (r" ?([-–—/]) ?", r"\1"),
    (r" ([.,;:!?…%\p{Pe}\p{Pf}])", r"\1"),
    (r"([\p{Ps}\p{Pi}]) ", r"\1"),
    (r'" ([^"]*) "', r'"\1"'),
)


class SentenceTokenizer(WordTokenizer):
    """Looks up the ids of words and punctuation marks, with `<EOS>` at the end of each sentence.

    A sentence ends at a full stop, exclamation or question mark, with the closing quotes and
    brackets that follow it, before white space; or at a blank line. Other line breaks are white
    space: a file with one sentence a line is cut right where its sentences end in such a mark, and
    else needs blank lines between them. Nothing is known of abbreviations: "Mr. Smith" makes two
    sentences. Words are those of `zoo.text.words.WordTokenizer`. A text is read after `<EOS>`.

    Args:
        vocabulary: the words that have an id; all others are `<UNK>`.
        lowercase: whether to convert text to lower case first.
        vocabulary_file: the file of the vocabulary, if an export is to keep it as an asset.
        backward: whether texts are read from their last word to their first.
    """

    level = "word"
    printed: ClassVar = {PADDING: "", END: ""}

    def __init__(
        self,
        vocabulary: Vocabulary,
        lowercase: bool = True,
        vocabulary_file: Place = None,
        backward: bool = False,
    ):
        super().__init__(vocabulary, lowercase, vocabulary_file=vocabulary_file)
        self.backward = backward

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[str],
        vocabulary_size: int | None = 10_000,
        lowercase: bool = True,
        backward: bool = False,
    ) -> "SentenceTokenizer":
        """A tokenizer of the most frequent words of `documents`, the training split."""
        words = WordTokenizer.from_texts(_sentences_of(documents), vocabulary_size, lowercase)
        return cls(words.vocabulary, lowercase, backward=backward)

    def ragged(self, texts: Texts, end: bool = False) -> tf.RaggedTensor:
        """The ids of texts, (batch,) strings, as (batch, None) int32 without padding.

        Args:
            texts: the strings. Of several sentences in one, each but the last is ended by `<EOS>`.
            end: whether to end the last sentence too, as its probability asks for; an empty text
                is then a sentence of no words.
        """
        sentences = _sentences(tf.convert_to_tensor(texts, tf.string))
        ids = sentences.with_values(super().ragged(sentences.values))  # (batch, None, None)
        ids = tf.ragged.boolean_mask(ids, ids.row_lengths(axis=2) > 1)  # those that have words
        ids = ids.merge_dims(1, 2)[:, :-1]
        ids = reversed_rows(ids) if self.backward else ids
        return append_end(ids) if end else ids

    def words(self, texts: Texts) -> tf.RaggedTensor:
        """The words of texts, (batch,) strings, as (batch, None) strings, in the order of ids."""
        return self.tokenize(texts)[:, :-1]

    def stream(self, documents: Sequence[str]) -> np.ndarray:
        """The ids of all sentences of all documents, each with `<EOS>`: (tokens,) int32."""

        def flat(sentences: tf.Tensor) -> tf.Tensor:
            ids = WordTokenizer.ragged(self, sentences)
            return tf.ragged.boolean_mask(ids, ids.row_lengths() > 1).flat_values

        ids = map_batches(flat, _sentences_of(documents))
        stream = np.concatenate([np.empty(0, np.int32), *ids])
        return reversed_stream(stream) if self.backward else stream

    def join(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        """The texts, (batch,) strings, of ids, (batch, steps) integers.

        Words are put together with the spaces of print; an apostrophe by itself keeps its own, for
        nothing tells which side it belongs to. Padding and `<EOS>` give no text.
        """
        texts = tf.strings.reduce_join(self._print(ids), axis=1, separator=" ")
        texts = tf.strings.strip(tf.strings.regex_replace(texts, " +", " "))
        for pattern, spaced in _SPACING:
            texts = tf.strings.regex_replace(texts, pattern, spaced)
        return texts

    def get_config(self) -> dict[str, Any]:
        return {"lowercase": self.lowercase, "backward": self.backward}


def _sentences(texts: tf.Tensor) -> tf.RaggedTensor:
    """Cuts texts, (batch,) strings, into sentences, (batch, None); some may have no words."""
    texts = tf.strings.regex_replace(texts, _BORDER, " ")
    return tf.strings.split(tf.strings.regex_replace(texts, _ENDS, rf"\1{_BORDER}"), _BORDER)


def _sentences_of(documents: Sequence[str]) -> tf.Tensor:
    return _sentences(tf.constant(documents, tf.string, shape=[len(documents)])).values
