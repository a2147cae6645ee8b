"""What a tagger sees of a token: its word, its characters, its shape, as ids."""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from zoo.text.special_tokens import END_ID, PADDING_ID
from zoo.text.vocabularies import Vocabulary

SHAPES = (
    ("lower", r"['’-]*\p{Ll}[\p{Ll}\p{M}'’-]*"),
    ("initial", r"\p{Lu}[\p{Ll}\p{M}'’-]*"),
    ("upper", r"\p{Lu}[\p{Lu}\p{M}'’.&-]+"),
    ("number", r"[+-]?\p{N}+(?:[.,:/]\p{N}+)*"),
    ("alphanumeric", r".*\p{N}.*"),
    ("mixed", r".*\p{L}.*"),
)
"""Names of shapes and the patterns that a whole token fits, the first that does; any other token is
"symbol". Id 0 is padding, the ids of these shapes follow from 1 on, "symbol" comes last."""

BREAK = "\n"
"""The token between two sentences of a document that no mark of the text parts."""
_ANY_BREAK = r"\s*\n\s*"


class TokenEncoder(tf.Module):
    """Looks up the ids of tokens: `words`, `characters` and `shapes`.

    Words are looked up in lower case, with every digit as 0 and every apostrophe as ', so that what
    is rare as it is written is still known; the characters and the shape keep what this takes away.
    A break between sentences has the id of `<EOS>`.

    Args:
        words: vocabulary of such words; others are `<UNK>`.
        characters: vocabulary of characters; others are `<UNK>`.
        longest_word: the characters that are looked at, from the front.
        word_file, character_file: files of the vocabularies, if an export is to keep them as
            assets.
    """

    def __init__(
        self,
        words: Vocabulary,
        characters: Vocabulary,
        longest_word: int = 24,
        word_file: str | Path | None = None,
        character_file: str | Path | None = None,
    ):
        super().__init__()
        self.words = words
        self.characters = characters
        self.longest_word = longest_word
        self._word_table = words.lookup_table(word_file)
        self._character_table = characters.lookup_table(character_file)

    @classmethod
    def from_sentences(
        cls,
        sentences: Sequence[Sequence[str]],
        vocabulary_size: int | None = None,
        more_words: Iterable[str] = (),
        longest_word: int = 24,
    ) -> "TokenEncoder":
        """An encoder of the words and characters of tokenised sentences, the training split.

        Args:
            sentences: lists of tokens.
            vocabulary_size: the most frequent words to keep; None keeps all.
            more_words: words to know beside those, because there are vectors for them.
        """
        tokens = Counter(token for sentence in sentences for token in sentence)
        words: Counter[str] = Counter()
        characters: Counter[str] = Counter()
        for token, word in zip(tokens, normalized(tokens), strict=True):
            words[word] += tokens[token]
            characters.update(token * tokens[token])
        vocabulary = Vocabulary.from_counts(_possible(words), vocabulary_size)
        added = [word for word in _possible(Counter(more_words)) if word not in vocabulary]
        known = Vocabulary((*vocabulary.tokens[3:], *added))
        return cls(known, Vocabulary.from_counts(_possible(characters), None), longest_word)

    def ragged(self, tokens: tf.RaggedTensor) -> dict[str, tf.RaggedTensor]:
        """The ids of tokens, (batch, None) strings.

        They are `words` and `shapes`, (batch, None) int32, and `characters`, (batch, None,
        longest_word) int32, padded with 0.
        """
        return {n: tokens.with_flat_values(i) for n, i in self.flat(tokens.flat_values).items()}

    def flat(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """The same of tokens that are no sentences, (tokens,) strings: ids (tokens, ...) int32."""
        ends = tf.strings.regex_full_match(tokens, _ANY_BREAK)
        tokens = tf.where(ends, BREAK, tokens)
        # None of these is ever padding: that is spelt in capitals, and by several characters.
        words = self._word_table.lookup(_normal(tokens))
        words = tf.where(ends, tf.constant(END_ID, words.dtype), words)
        characters = tf.strings.unicode_split(tokens, "UTF-8")[:, : self.longest_word]
        characters = self._character_table.lookup(characters)
        ids = {
            "words": words,
            "shapes": _shapes(tokens),
            "characters": characters.to_tensor(PADDING_ID, shape=[None, self.longest_word]),
        }
        return {name: tf.cast(of_tokens, tf.int32) for name, of_tokens in ids.items()}

    def __call__(self, tokens: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        """The ids of tokens, as `ragged` gives them, padded with 0 on the right."""
        return {name: ids.to_tensor(PADDING_ID) for name, ids in self.ragged(tokens).items()}

    def get_config(self) -> dict[str, Any]:
        """The options, without the vocabularies, which have files of their own."""
        return {"longest_word": self.longest_word}


def ragged_tokens(sentences: Sequence[Sequence[str]]) -> tf.RaggedTensor:
    """Tokenised sentences as a ragged tensor, (batch, None) strings.

    `tf.ragged.constant` does the same, in eight to thirty times the time.
    """
    flat = list(itertools.chain.from_iterable(sentences))
    return tf.RaggedTensor.from_row_lengths(tf.constant(flat, tf.string), [*map(len, sentences)])


def normalized(words: Iterable[str]) -> list[str]:
    """Words as they are looked up: in lower case, each digit as 0, each apostrophe as '."""
    return [word.decode() for word in _normal(tf.constant(list(words), tf.string)).numpy()]


def _normal(tokens: tf.Tensor) -> tf.Tensor:
    tokens = tf.strings.lower(tokens, encoding="utf-8")
    tokens = tf.strings.regex_replace(tokens, r"\p{N}", "0")
    return tf.strings.regex_replace(tokens, "[’ʼ＇]", "'")


def _possible(counts: Counter[str]) -> Counter[str]:
    """The words that a vocabulary can hold: neither empty nor with a line break."""
    return Counter({w: n for w, n in counts.items() if w and set(w).isdisjoint("\n\r")})


def _shapes(tokens: tf.Tensor) -> tf.Tensor:
    shape = tf.fill(tf.shape(tokens), len(SHAPES) + 1)
    for index, (_, pattern) in reversed(list(enumerate(SHAPES, 1))):
        shape = tf.where(tf.strings.regex_full_match(tokens, pattern), index, shape)
    return shape
