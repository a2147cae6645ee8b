"""Splits that no kinship crosses: a network would know the relatives of a sequence again."""

import zlib
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from zoo.genomics.alphabet import ids

K = 50  # letters: two sequences that share so many by chance would have to be of 10^15 letters


def clusters(sequences: Sequence[str], k: int = K) -> list[str]:
    """The cluster of each sequence, named by the smallest sequence in it.

    Two sequences are in one cluster if they share a k-mer, k letters in a row, or if others link
    them; equal ones always are. The order of the sequences does not matter. Only k-mers of A, C, G
    and T count: a run of N is in many genomes. Neither does the other strand, so that a sequence
    and its reverse complement are relatives only if they share a k-mer as they are.

    Five million letters take two seconds, and memory of some ten numbers a letter.

    Args:
        sequences: they are `zoo.genomics.normalized`.
        k: the length of what they share, 1 or more.

    Raises:
        ValueError: k is not positive.
    """
    if k < 1:
        raise ValueError(f"`k` must be positive. Received: {k!r}")
    distinct = sorted(set(sequences))
    if not distinct:
        return []
    one, other = _links(distinct, k)
    shape = (len(distinct), len(distinct))
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=shape)
    _, components = connected_components(graph, directed=False)
    smallest: dict[int, str] = {}
    found = {s: smallest.setdefault(c, s) for s, c in zip(distinct, components, strict=True)}
    return [found[sequence] for sequence in sequences]


def tenths(names: Sequence[str]) -> np.ndarray:
    """A number from 0 to 9 for each name, that of a cluster: (names,) int32, by its CRC-32.

    It depends on nothing but the name, so that a split by it stays when other clusters come. A
    tenth is about one of the names, not of the sequences, as clusters are of many sizes.
    """
    return np.array([zlib.crc32(name.encode()) % 10 for name in names], "int32")


def _links(sequences: list[str], k: int) -> tuple[np.ndarray, np.ndarray]:
    """The places of pairs of sequences that share a k-mer, enough of them to link all that do."""
    lengths = np.array([len(sequence) for sequence in sequences])
    letters = ids("".join(sequences)) - 1  # (letters,), A, C, G and T as 0 to 3
    owners = np.repeat(np.arange(len(sequences)), lengths)
    if len(letters) < k:
        return owners[:0], owners[:0]
    ambiguous = np.concatenate([[0], np.cumsum(letters > 3)])
    whole = owners[: len(letters) - k + 1] == owners[k - 1 :]
    whole &= ambiguous[:-k] == ambiguous[k:]
    owners, numbers = owners[: -k + 1 or None][whole], _kmers(letters & 3, k)[whole]
    order = np.argsort(numbers, kind="stable")
    owners, numbers = owners[order], numbers[order]
    linked = (numbers[1:] == numbers[:-1]) & (owners[1:] != owners[:-1])
    return owners[:-1][linked], owners[1:][linked]


def _kmers(letters: np.ndarray, k: int) -> np.ndarray:
    """A number for the k letters from each place on, equal where they are: (places - k + 1,).

    A k-mer is two shorter ones, that from its beginning and that to its end. Where a number of the
    two would not fit, they are numbered anew.
    """
    numbers, different, width = letters.astype(np.uint64), 4, 1
    while width < k:
        step = min(width, k - width)
        if different**2 > 2**64:
            values, anew = np.unique(numbers, return_inverse=True)
            numbers, different = anew.astype(np.uint64), len(values)
        numbers = numbers[:-step] * np.uint64(different) + numbers[step:]
        different, width = different**2, width + step
    return numbers
