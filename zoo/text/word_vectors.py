"""Word vectors: learnt from text, and kept in files in the text form of word2vec and GloVe."""

import gzip
import logging
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import keras
import lazy_loader
import numpy as np

from zoo.errors import UserError
from zoo.text.normalization import normalize
from zoo.text.special_tokens import END_ID
from zoo.text.token_features import normalized
from zoo.text.vocabularies import Vocabulary

gensim = lazy_loader.load("gensim")  # to learn vectors; the rest does without

_LOG = logging.getLogger(__name__)
_REPLACED = "\ufffd"  # what stands for bytes that are not UTF-8
_MOST_DAMAGED = 100  # lines more than good ones, and it is no file of word vectors
MOST = 100_000  # words that are read; the files begin with the most frequent


@dataclass(frozen=True)
class Vectors:
    """Words, as `token_features` looks them up, and `matrix`, (words, dimension) float32."""

    words: tuple[str, ...]
    matrix: np.ndarray

    @property
    def dimension(self) -> int:
        return self.matrix.shape[1]

    def assign(
        self, embedding: keras.layers.Embedding, words: Vocabulary, deviation: float | None = None
    ) -> None:
        """Gives an embedding layer, which is built, the vectors that there are for its words.

        How many there are is logged.

        Args:
            embedding: the layer.
            words: the vocabulary of its ids.
            deviation: the standard deviation that the values are brought to; None leaves them.

        Raises:
            UserError: there are none.
        """
        rows = {word: row for row, word in enumerate(self.words)}
        places = [
            (index, rows[word])
            for index, word in enumerate(normalized(words.tokens))
            if index > END_ID and word in rows
        ]
        if not places:
            raise UserError(
                f"none of the {len(words) - 3:,} words of the training text is among the word "
                f"vectors, {', '.join(map(repr, self.words[:3]))}...: give those of its language"
            )
        _LOG.warning("%d of %d words have a word vector", len(places), len(words) - 3)
        indices, chosen = np.transpose(places)
        vectors = self.matrix[chosen]
        if deviation is not None and vectors.std() > 0:
            vectors = vectors * (deviation / vectors.std())
        values = np.array(embedding.embeddings)
        values[indices] = vectors
        embedding.embeddings.assign(values)

    def write(self, path: str | Path) -> None:
        """Writes them as word2vec does, with its heading."""
        with Path(path).open("w", encoding="utf-8", newline="\n") as file:
            file.write(f"{len(self.words)} {self.dimension}\n")
            for word, vector in zip(self.words, self.matrix, strict=True):
                file.write(f"{word} {' '.join(f'{value:.6g}' for value in vector)}\n")


def learn(
    sentences: Sequence[Sequence[str]],
    *,
    dimension: int = 100,
    epochs: int = 10,
    least: int = 3,
    seed: int = 1,
) -> Vectors:
    """Learns vectors in which words that occur among the same words are alike, frequent ones first.

    Skip-grams with negative sampling, by gensim: five words to each side, five negatives, frequent
    words thinned out (Mikolov et al. 2013, "Distributed representations of words and phrases and
    their compositionality"). It runs in one thread, so that the same seed gives the same vectors.

    Args:
        sentences: lists of tokens, over which `epochs` passes are made.
        dimension: size of a vector.
        least: how often a word has to occur to get a vector.
        seed: of the first vectors and of what is drawn.

    Raises:
        UserError: no word occurs so often.
    """
    skip_grams = {"sg": 1, "negative": 5, "window": 5, "sample": 1e-4, "workers": 1}
    model = gensim.models.Word2Vec(vector_size=dimension, min_count=least, seed=seed, **skip_grams)
    model.build_vocab(sentences)
    if not len(model.wv):
        raise UserError(f"no word occurs {least} times: give more text")
    model.train(sentences, total_examples=len(sentences), epochs=epochs)
    return Vectors(tuple(model.wv.index_to_key), model.wv.vectors)


def read(path: str | Path) -> Vectors:
    """Reads a file of one word and its values per line, with word2vec's heading or without.

    Words that are looked up alike (`token_features.normalized`) get the first one's vector; words
    with spaces, of which GloVe has some, are left out: no token is such a word. Blank lines are
    passed over, and so are some that are damaged, which is logged.

    Args:
        path: the file, UTF-8, with spaces or tabs between values; packed if it ends in `.gz`.

    Raises:
        UserError: the file cannot be read, or the first line, or more lines than not, are not a
            word and as many finite numbers as the first has.
    """
    packed = Path(path).suffix.lower() == ".gz"
    try:
        with (gzip.open if packed else open)(path, "rt", -1, "utf-8-sig", "replace", "\n") as file:
            return _parse(path, file)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or f"not a whole gzip file: {error}"
        raise UserError(f"{path}: cannot read word vectors ({reason})") from error


def _parse(path: str | Path, file: TextIO) -> Vectors:
    words: list[str] = []
    rows: list[np.ndarray] = []
    damaged: list[int] = []
    declared: list[int] = []
    for number, word, values in _fields(file):
        if number == len(values) == 1 and word.isdecimal() and values[0].isdecimal():
            declared = [int(word), int(values[0])]  # word2vec's heading: words and dimension
            continue
        dimension = len(rows[0]) if rows else declared[1] if declared else len(values)
        vector = _numbers(values[-dimension:]) if len(values) >= dimension else None
        if not word or vector is None or _REPLACED in word:
            damaged.append(number)
            if len(damaged) > len(rows) + _MOST_DAMAGED:
                break
        elif len(values) == dimension:  # else it is a word with spaces
            words.append(word)
            rows.append(vector)
            if len(words) == MOST:
                break
    _check(path, rows, damaged, declared)
    first: dict[str, int] = {}
    for row, word in enumerate(normalized(words)):
        first.setdefault(word, row)
    return Vectors(tuple(first), np.stack([rows[row] for row in first.values()]))


def _check(
    path: str | Path, rows: Sequence[np.ndarray], damaged: Sequence[int], declared: Sequence[int]
) -> None:
    """Refuses a file that holds no more good lines than others; logs what is missing of one."""
    if damaged and len(damaged) >= len(rows):
        count = f", of which the others have {len(rows[0])}" if rows else ""
        raise UserError(f"{path}, line {damaged[0]}: not a word and its numbers{count}")
    if damaged:
        _LOG.warning("%s: %d damaged lines left out, such as %d", path, len(damaged), damaged[0])
    if declared and len(rows) + len(damaged) < min(declared[0], MOST):
        _LOG.warning("%s: %d words of %d that its heading tells", path, len(rows), declared[0])
    if not rows:
        raise UserError(f"{path}: no word vectors there: a word and its values on each line")


def _fields(file: TextIO) -> Iterator[tuple[int, str, list[str]]]:
    """Yields the number of each line that is not blank, its word and its values."""
    for number, line in enumerate(file, 1):
        word, *values = re.split("[ \t]", normalize(line.rstrip(" \t\r\n")))
        if word or values:
            yield number, word, values


def _numbers(fields: Sequence[str]) -> np.ndarray | None:
    """The vector that these strings are; None if there are none or one is no finite number."""
    try:
        vector = np.array(fields, dtype="float32")
    except ValueError:
        return None
    return vector if len(vector) and np.isfinite(vector).all() else None
