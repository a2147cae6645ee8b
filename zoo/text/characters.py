"""Text as a sequence of characters."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from zoo.text.special_tokens import END_ID
from zoo.text.tokenizer import (
    Place,
    Texts,
    Tokenizer,
    map_batches,
    reversed_rows,
    reversed_stream,
)
from zoo.text.vocabularies import Vocabulary

# A vocabulary file has one token a line, so that what breaks lines needs a name: two characters,
# which no single character can be.
_NAMES = {"\n": r"\n", "\r": r"\r"}
_LINE_BREAK = _NAMES["\n"]
_PIECE = 2**16  # characters to tokenise in one go


class CharacterTokenizer(Tokenizer):
    r"""Looks up the ids of the characters of texts: code points, of any script, case kept.

    A text is read after a line break, as if it began a line.

    Args:
        vocabulary: the characters that have an id, a line break (LF) among them under the name
            `\n`, a carriage return under `\r`; all others are `<UNK>`.
        vocabulary_file: the file of the vocabulary, if an export is to keep it as an asset.
        backward: whether texts are read from their last character to their first.

    Raises:
        ValueError: the vocabulary has no line break.
    """

    level = "character"
    printed: ClassVar = Tokenizer.printed | {name: character for character, name in _NAMES.items()}

    def __init__(
        self, vocabulary: Vocabulary, vocabulary_file: Place = None, backward: bool = False
    ):
        super().__init__(vocabulary, vocabulary_file)
        self.backward = backward
        if _LINE_BREAK not in vocabulary:
            raise ValueError(f"a vocabulary of characters must have the line break, {_LINE_BREAK}")
        self.start_id = vocabulary.ids([_LINE_BREAK])[0]

    @classmethod
    def from_documents(
        cls, documents: Iterable[str], backward: bool = False
    ) -> "CharacterTokenizer":
        """A tokenizer of all characters of `documents`, the training split, and the line break."""
        counts = Counter({"\n": 0})
        for document in documents:
            counts.update(document)
        names = Counter({_NAMES.get(character, character): n for character, n in counts.items()})
        return cls(Vocabulary.from_counts(names, size=None), backward=backward)

    def ragged(self, texts: Texts, end: bool = False) -> tf.RaggedTensor:
        """The ids of texts, (batch,) strings, as (batch, None) int32 without padding.

        Args:
            texts: the strings; a byte that is not UTF-8 counts as the character U+FFFD.
            end: whether to add what completes a text. Nothing does: `<EOS>` follows upon whole
                documents, and the probability of a text is the product over its characters.
        """
        ids = self._looked_up(texts)
        return reversed_rows(ids) if self.backward else ids

    def _looked_up(self, texts: Texts) -> tf.RaggedTensor:
        texts = tf.convert_to_tensor(texts, tf.string)
        characters = tf.strings.unicode_split(texts, "UTF-8")
        tokens = characters.flat_values
        for character, name in _NAMES.items():
            tokens = tf.where(tokens == character, name, tokens)
        return characters.with_flat_values(self._ids(tokens))

    def stream(self, documents: Sequence[str]) -> np.ndarray:
        """The ids of all documents one after another, each with `<EOS>`: (tokens,) int32."""
        text = "".join(documents)
        # Cut anywhere, for characters stand alone: neither long nor many documents take long.
        pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
        ids = map_batches(lambda piece: self._looked_up(piece).flat_values, pieces, size=1)
        stream = np.concatenate([np.empty(0, np.int32), *ids])
        ends = np.cumsum([len(document) for document in documents], dtype=int)
        stream = np.insert(stream, ends, END_ID)
        return reversed_stream(stream) if self.backward else stream

    def get_config(self) -> dict[str, Any]:
        return {"backward": self.backward}
