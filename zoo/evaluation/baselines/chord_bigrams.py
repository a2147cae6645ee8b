"""Chords given the chord before, counted: the baseline of music."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from zoo.evaluation.baselines.files import stored_arrays

_DISCOUNTS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.95)  # what the best is chosen from


class ChordBigrams:
    """The probability of a chord given the one before, with absolute discounting.

    With n(b, c) how often chord c follows b, N1+ the number of different chords that do, and D the
    discount,

        P2(c | b) = max(n(b, c) - D, 0) / n(b) + D N1+(b) / n(b) P1(c)
        P1(c) = max(n(c) - D, 0) / n + D N1+ / n P0(c)
        P0(c) = Π_v p_v(c_v)

    where p_v is the share of a symbol in voice v, one more of each symbol being counted than there
    are. A chord is any combination of symbols: what cannot be has some probability here, too.

    Source: Ney, Essen & Kneser (1994), "On structuring probabilistic dependences in stochastic
    language modelling".

    Args:
        chords: (n, voices) integers, all chords of the pieces one after another; 0 in all voices
            before each piece.
        symbols: number of ids of a voice.
        discount: D, from 0 to 1.
    """

    def __init__(self, chords: np.ndarray, symbols: int, discount: float):
        self._chords = np.asarray(chords, dtype="int16")
        self.symbols = symbols
        self.discount = discount
        rows = list(map(tuple, self._chords.tolist()))
        self._followers: dict[tuple[int, ...], Counter] = defaultdict(Counter)
        for before, chord in pairwise(rows):
            if any(chord):
                self._followers[before][chord] += 1
        self._unigrams = Counter(chord for chord in rows if any(chord))
        self._total = self._unigrams.total()
        sounding = self._chords[self._chords.any(axis=1)]
        counts = np.stack([np.bincount(voice, minlength=symbols) for voice in sounding.T]) + 1
        counts[:, 0] = 0  # padding is no symbol
        self._voices = np.log(counts[:, 1:] / counts.sum(axis=1, keepdims=True))

    @classmethod
    def fit(
        cls, pieces: Sequence[np.ndarray], validation: Sequence[np.ndarray], symbols: int
    ) -> "ChordBigrams":
        """Counts the chords of pieces; the discount is the best on others.

        Args:
            pieces, validation: lists of arrays (steps, voices), symbols of pieces.
            symbols: number of ids of a voice.
        """
        start = np.zeros((1, pieces[0].shape[1]), "int16")
        chords = np.concatenate([part for piece in pieces for part in (start, piece)])
        model = cls(chords, symbols, 0.5)

        def nll(discount: float) -> float:
            model.discount = discount
            return model.nll_per_step(validation)

        model.discount = min(_DISCOUNTS, key=nll)
        return model

    def nll_per_step(self, pieces: Sequence[np.ndarray], order: int = 2) -> float:
        """The mean of -log P of the chords of pieces, in nats.

        Args:
            pieces: list of arrays (steps, voices).
            order: 2 for P2, 1 for P1.
        """
        steps, total = sum(map(len, pieces)), 0.0
        for piece in pieces:
            before = (0,) * piece.shape[1]
            for chord in map(tuple, piece.tolist()):
                total -= math.log(self._p2(before, chord) if order == 2 else self._p1(chord))
                before = chord
        return total / steps

    def _p2(self, before: tuple[int, ...], chord: tuple[int, ...]) -> float:
        followers = self._followers.get(before)
        if not followers:
            return self._p1(chord)
        return self._discounted(followers, followers.total(), chord, self._p1(chord))

    def _p1(self, chord: tuple[int, ...]) -> float:
        p0 = math.exp(sum(self._voices[v, symbol - 1] for v, symbol in enumerate(chord)))
        return self._discounted(self._unigrams, self._total, chord, p0)

    def _discounted(self, counts: Counter, total: int, chord: tuple, lower: float) -> float:
        kept = max(counts.get(chord, 0) - self.discount, 0.0)
        return (kept + self.discount * len(counts) * lower) / total

    def save(self, path: str | Path) -> None:
        """Writes the chords that were counted, without pickles."""
        np.savez_compressed(path, chords=self._chords, symbols=self.symbols, discount=self.discount)

    @classmethod
    def load(cls, path: str | Path) -> "ChordBigrams":
        """What `save` wrote; a `UserError` if the file is missing or damaged."""
        with stored_arrays(path) as arrays:
            symbols, discount = int(arrays["symbols"]), float(arrays["discount"])
            return cls(arrays["chords"], symbols, discount)
