"""Sentences of a document in one row, so that a network can use in one what another tells."""

import itertools
from collections.abc import Iterable, Sequence
from typing import TypeVar

from zoo.text.token_features import BREAK

LONGEST_ROW = 480  # tokens; a longer document is cut between sentences
_STOPS = frozenset(".?!")
_T = TypeVar("_T")


class Documents:
    """Where tokenised sentences stand in rows.

    Between two of them is a `BREAK`, unless the first ends in a full stop, exclamation or question
    mark, which says as much. It is what `zoo.text.token_spans.tokenize` makes of a blank line.

    Args:
        sentences: lists of tokens.
        places: for each sentence the number of its document and its own, by which those of a
            document follow each other; None puts each sentence in a row of its own.

    Attributes:
        rows: lists of indices of sentences.
    """

    def __init__(
        self, sentences: Sequence[Sequence[str]], places: Sequence[tuple[int, int]] | None
    ):
        self._lengths = [len(tokens) for tokens in sentences]
        self._stops = [not _STOPS.isdisjoint(tokens[-1:]) for tokens in sentences]
        if places is None:
            self.rows = [[i] for i in range(len(sentences))]
        else:
            order = sorted(range(len(sentences)), key=places.__getitem__)
            documents = itertools.groupby(order, key=lambda i: places[i][0])
            self.rows = [row for _, document in documents for row in self._cut(document)]

    def _cut(self, document: Iterable[int]) -> Iterable[list[int]]:
        row: list[int] = []
        for i in document:
            if row and self._length([*row, i]) > LONGEST_ROW:
                yield row
                row = []
            row.append(i)
        yield row

    def _length(self, row: list[int]) -> int:
        return sum(self._lengths[i] for i in row) + sum(not self._stops[i] for i in row[:-1])

    def join(self, columns: Sequence[Sequence[_T]], gap: _T) -> list[list[_T]]:
        """The rows of what each sentence has for each of its tokens, and of `gap` for a break."""
        joined = []
        for row in self.rows:
            cells: list[_T] = []
            for i in row[:-1]:
                cells += columns[i] if self._stops[i] else [*columns[i], gap]
            joined.append([*cells, *columns[row[-1]]])
        return joined

    def tokens(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The rows of tokens."""
        return self.join(sentences, BREAK)

    def part(self, rows: Sequence[Sequence[_T]]) -> list[Sequence[_T]]:
        """What `join` made rows of, by sentence; what a row holds beyond its sentences is left."""
        parts: list[Sequence[_T]] = [()] * len(self._lengths)
        for row, cells in zip(self.rows, rows, strict=True):
            start = 0
            for i in row:
                parts[i] = cells[start : start + self._lengths[i]]
                start += self._lengths[i] + (not self._stops[i])
        return parts
