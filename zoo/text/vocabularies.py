"""What stands between tokens and their integer ids."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf

from zoo.errors import UserError
from zoo.text.special_tokens import END, PADDING, UNKNOWN, UNKNOWN_ID

_SPECIAL = (PADDING, UNKNOWN, END)


class Vocabulary:
    """An ordered set of tokens; a token's id is its place.

    Id 0 is padding, which no token of a text ever gets, 1 stands for every unknown token (`<UNK>`),
    2 ends a sequence (`<EOS>`). Words follow from id 3 on.

    Args:
        words: the tokens after the three special ones, in order.

    Raises:
        ValueError: a word is empty, repeated, special, or holds a line break.
    """

    def __init__(self, words: Iterable[str]):
        self.tokens = (*_SPECIAL, *words)
        self._ids = {token: index for index, token in enumerate(self.tokens)}
        if len(self._ids) != len(self.tokens):
            repeated = Counter(self.tokens).most_common(1)[0][0]
            raise ValueError(f"the token {repeated!r} occurs more than once")
        for token in self.tokens:
            # A vocabulary file has one token a line, and TensorFlow's reader drops \r.
            if not token or "\n" in token or "\r" in token:
                raise ValueError(f"{token!r} cannot be a token: it is empty or holds a line break")

    @classmethod
    def from_counts(cls, counts: Counter[str], size: int | None = 10_000) -> "Vocabulary":
        """The `size` most frequent words, the most frequent first, equal ones by alphabet.

        Args:
            counts: how often each word occurs in the training split.
            size: how many words to keep beside the special tokens; None keeps all.
        """
        words = sorted(counts.keys() - set(_SPECIAL), key=lambda word: (-counts[word], word))
        return cls(words[:size])

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Reads what `save` wrote; a UserError if the file is missing or damaged."""
        try:
            tokens = Path(path).read_bytes().decode().split("\n")
            if tuple(tokens[:3]) != _SPECIAL or tokens.pop() != "":
                raise ValueError(f"it must begin with {', '.join(_SPECIAL)} and end with a line")
            return cls(tokens[3:])
        except OSError as error:
            raise UserError(
                f"{path}: cannot read the vocabulary ({error.strerror}): restore the file"
            ) from error
        except ValueError as error:  # UnicodeDecodeError too
            raise UserError(
                f"{path}: not a vocabulary of the zoo ({error}): restore the file"
            ) from error

    def save(self, path: str | Path) -> None:
        """Writes one token a line, UTF-8: the token of line n, from 0, has the id n."""
        lines = "".join(f"{token}\n" for token in self.tokens)
        Path(path).write_bytes(lines.encode())

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.tokens == other.tokens

    def __hash__(self) -> int:
        return hash(self.tokens)

    def __repr__(self) -> str:
        return f"Vocabulary of {len(self)} tokens: {', '.join(self.tokens[3:8])}, ..."

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """The id of each token; a token that is not in the vocabulary is `<UNK>`."""
        # A token that happens to be spelt like padding is a token nevertheless.
        return [self._ids.get(token, UNKNOWN_ID) or UNKNOWN_ID for token in tokens]

    def words(self, ids: Iterable[int]) -> list[str]:
        """The token of each id."""
        return [self.tokens[index] for index in ids]

    def lookup_table(self, path: str | Path | None = None) -> tf.lookup.StaticHashTable:
        """A table from tokens to int64 ids, for TensorFlow graphs; unknown tokens give `<UNK>`.

        Args:
            path: the file that `save` wrote, if a SavedModel that holds the table is to keep it
                among its assets, where it can be read; else the tokens lie within the graph.
        """
        if path is not None:
            line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
            content = tf.lookup.TextFileInitializer(str(path), tf.string, line, tf.int64, number)
        else:
            ids = tf.range(len(self), dtype=tf.int64)
            content = tf.lookup.KeyValueTensorInitializer(tf.constant(self.tokens), ids)
        return tf.lookup.StaticHashTable(content, default_value=UNKNOWN_ID)
