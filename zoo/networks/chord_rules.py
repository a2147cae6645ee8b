"""Which symbols a voice of a chord may have, so that a chord is written in one way only."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.cells.typing import Tensor
from zoo.music.chords import END_ID, FIRST_KEY_ID, HIGHEST, LOWEST, REST_ID, symbols_of
from zoo.music.counterpoint import PERFECT, RANGES

IMPOSSIBLE = -1e9
"""The logit of what may not be: probability 0 in single precision, with a gradient of 0."""

KEYS = HIGHEST - LOWEST + 1


@keras.saving.register_keras_serializable(package="zoo")
class ChordRules(keras.layers.Layer):
    """Takes from a voice's logits what it may not have, given its past and the voices above.

    Of ranked voices, which are the sounding keys of a chord from the top, each is below the one
    above, and all are silent below one that is silent. Of parts, a key can be struck at any time,
    and held only if the same voice has it already. In both, all voices end together, and nothing
    comes after the end. So the chords that are left have probabilities that sum to 1.

    Args:
        ranked: which of the two; see `zoo.music.chords.ChordEncoder`.

    Call arguments:
        logits: (..., symbols), those of one voice.
        before: (...) integers, the symbol of this voice in the chord before, 0 if there is none.
        above: list of (...) integers, the symbols of the voices above, the highest first.

    Returns:
        (..., symbols) float32, `IMPOSSIBLE` where a symbol may not be.
    """

    def __init__(self, ranked: bool, **kwargs: Any):
        super().__init__(**kwargs)
        self.ranked = ranked
        ids = np.arange(symbols_of(ranked))
        self._ids = ids
        self._struck = _struck(ids)

    def call(self, logits: Tensor, before: Tensor, above: Sequence[Tensor]) -> Tensor:
        before = ops.expand_dims(before, -1)  # (..., 1)
        above = [ops.expand_dims(symbols, -1) for symbols in above]
        possible = np.logical_or(self._struck, self._ids == REST_ID)
        if not self.ranked:
            possible = ops.logical_or(possible, ops.equal(self._ids, self._held(before)))
        elif above:
            lower = ops.logical_or(ops.less(self._ids, above[-1]), self._ids == REST_ID)
            possible = ops.logical_and(possible, lower)
        ends = self._ids == END_ID
        if not above:
            possible = ops.logical_or(possible, ends)
        over = ops.equal(above[0] if above else before, END_ID)
        possible = ops.where(over, ends, possible)
        return ops.where(possible, ops.cast(logits, "float32"), IMPOSSIBLE)

    def _held(self, before: Tensor) -> Tensor:
        """The symbol that holds the key of the chord before; -1 if there is none."""
        held = ops.where(before < FIRST_KEY_ID + KEYS, before + KEYS, before)
        return ops.where(before >= FIRST_KEY_ID, held, -1)

    def compute_output_shape(
        self, logits_shape: tuple, before_shape: Any = None, above_shape: Any = None
    ) -> tuple:
        return logits_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"ranked": self.ranked}


def against_counterpoint(voice: int, before: Tensor, chord: Tensor, ranked: bool) -> Tensor:
    """The symbols of a voice that would break a rule of counterpoint: (batch, symbols) booleans.

    Parallels are as `zoo.music.counterpoint.statistics` counts them: with a voice above that moves
    in the same direction, a perfect fifth or an octave follows its like. Of four parts no note may
    begin outside the range of its voice either (`zoo.music.counterpoint.RANGES`). To rest, to hold
    a note and to end break no rule, so that something is always left.

    Args:
        voice: its number, from the highest.
        before: (batch, voices) integers, the symbols of the chord before.
        chord: (batch, voices) integers, those of this chord, of which the voices above count.
        ranked: see `zoo.music.chords.ChordEncoder`.
    """
    ids = np.arange(symbols_of(ranked), dtype="int32")
    keys = np.where(ids >= FIRST_KEY_ID, (ids - FIRST_KEY_ID) % KEYS, -1)
    own = keys_of(before[:, voice : voice + 1])  # (batch, 1)
    moves = ops.where(ops.logical_and(own >= 0, keys >= 0), ops.sign(keys - own), 0)
    wrong = np.zeros(ids.shape, bool)
    if not ranked and before.shape[-1] == len(RANGES):
        low, high = [*RANGES.values()][voice]
        wrong = _struck(ids) & ((keys + LOWEST < low) | (keys + LOWEST > high))
    wrong = ops.logical_or(wrong, ops.zeros_like(moves, dtype="bool"))  # (batch, symbols)
    for above in range(voice):
        old, new = (keys_of(symbols[:, above : above + 1]) for symbols in (before, chord))
        move = ops.where(ops.logical_and(old >= 0, new >= 0), ops.sign(new - old), 0)
        interval, following = ops.abs(old - own) % 12, ops.abs(new - keys) % 12
        perfect = ops.logical_or(ops.equal(interval, PERFECT[0]), ops.equal(interval, PERFECT[1]))
        together = ops.logical_and(ops.equal(moves, move), ops.not_equal(move, 0))
        for condition in (perfect, ops.equal(following, interval)):
            together = ops.logical_and(together, condition)
        wrong = ops.logical_or(wrong, together)
    return wrong


def keys_of(symbols: Tensor) -> Tensor:
    """The keys of symbols, 0 for the lowest of the piano; -1 where nothing sounds."""
    return ops.where(symbols >= FIRST_KEY_ID, (symbols - FIRST_KEY_ID) % KEYS, -1)


def _struck(ids: np.ndarray) -> np.ndarray:
    return (ids >= FIRST_KEY_ID) & (ids < FIRST_KEY_ID + KEYS)
