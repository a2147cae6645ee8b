"""Chords as symbols: what turns the scores of `zoo.music` into ids, and back."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np

from zoo.errors import UserError
from zoo.music.notes import KEYS, chord_name
from zoo.music.score import Score
from zoo.text.special_tokens import END_ID, PADDING_ID

REST_ID = 1
FIRST_KEY_ID = 3  # the lowest key of the piano, struck; END_ID is 2
LOWEST, HIGHEST = 21, 108  # MIDI numbers of the 88 keys of a piano, those of the published figures
_NUMBER_OF_KEYS = HIGHEST - LOWEST + 1

__all__ = ["END_ID", "FIRST_KEY_ID", "HIGHEST", "LOWEST", "REST_ID", "ChordEncoder", "symbols_of"]


def symbols_of(ranked: bool) -> int:
    """How many symbols a voice has: padding, rest, end, the keys, and held ones of parts."""
    return FIRST_KEY_ID + (1 if ranked else 2) * _NUMBER_OF_KEYS


@dataclass(eq=False)
class ChordEncoder:
    """Turns scores into chords of symbols, one for each voice, the highest first, and back.

    A symbol is a rest, the end of the piece (all voices together), a key that is struck, or one
    that is held. Ranked voices are the keys of a chord from the top down, as if all were struck at
    each step: that is all the published form of the chorales has.

    Args:
        voices: number of voices.
        ranked: whether voices are ranks rather than parts.
        steps_per_quarter: steps of the grid in a quarter note.
    """

    voices: int
    ranked: bool
    steps_per_quarter: int

    @classmethod
    def of(cls, score: Score) -> Self:
        """The encoder for scores of the kind of this one."""
        return cls(score.voices, score.ranked, score.steps_per_quarter)

    @property
    def symbols(self) -> int:
        """Number of ids, padding included."""
        return symbols_of(self.ranked)

    @property
    def uniform_nll(self) -> float:
        """-log P of a chord, in nats, if all that could follow another were equally probable."""
        if self.ranked:
            sizes = range(self.voices + 1)
            return math.log(sum(math.comb(_NUMBER_OF_KEYS, size) for size in sizes))
        # A key, a rest, or to go on; after a rest there is one symbol less.
        return self.voices * math.log(_NUMBER_OF_KEYS + 2)

    @property
    def bar(self) -> int:
        """Steps of a bar of four quarters; 0 where scores have no metre."""
        return 0 if self.ranked else 4 * self.steps_per_quarter

    def encode(self, score: Score, end: bool = True) -> np.ndarray:
        """The symbols of a score, (steps, voices) int32, with `end` and the end as a last step.

        A UserError says that it is of another kind, or that a pitch is no key of the piano.
        """
        self.require(score)
        score = score.padded(self.voices)
        pitches = np.asarray(score.pitches, dtype="int32")
        sounds = pitches > 0
        if outside := sorted({*pitches[sounds & ((pitches < LOWEST) | (pitches > HIGHEST))]}):
            raise UserError(
                f"{score.name or 'the score'}: the pitch {outside[0]} is no key of the piano "
                f"({LOWEST} to {HIGHEST}): transpose it"
            )
        symbols = np.where(sounds, pitches - LOWEST + FIRST_KEY_ID, REST_ID)
        if not self.ranked:
            goes_on = np.zeros(pitches.shape, bool)
            goes_on[1:] = sounds[1:] & ~score.onsets[1:] & (pitches[1:] == pitches[:-1])
            symbols = np.where(goes_on, symbols + _NUMBER_OF_KEYS, symbols)
        if end:
            symbols = np.concatenate([symbols, np.full((1, self.voices), END_ID)])
        return symbols.astype("int32")

    def given(self, chords: Sequence[Sequence[int]]) -> np.ndarray:
        """The symbols, (chords, voices) int32, of chords that a piece shall have, all notes struck.

        Chords are tuples of pitches, the highest voice first; 0 for silence. Of one with fewer than
        `voices`, the lower voices are free: 0. One of too many, or that cannot be, is a UserError.
        """
        symbols = np.zeros((len(chords), self.voices), "int32")
        for row, chord in zip(symbols, chords, strict=True):
            named = chord_name(chord)
            if len(chord) > self.voices:
                raise UserError(f"'{named}' has more than the {self.voices} notes of a chord here")
            if self.ranked and any(b >= a for a, b in pairwise(chord) if a or b):
                raise UserError(f"'{named}': give the notes of a chord from the top down")
            for voice, pitch in enumerate(chord):
                if pitch and not LOWEST <= pitch <= HIGHEST:
                    keys = f"{LOWEST} to {HIGHEST}"
                    raise UserError(f"'{named}': {pitch} is no key of the piano ({keys})")
                row[voice] = pitch - LOWEST + FIRST_KEY_ID if pitch else REST_ID
        return symbols

    def given_melody(self, melody: Score) -> np.ndarray:
        """The highest voice of a score as symbols that a piece shall have, then the end.

        They are (steps + 1, voices) int32; 0 in the other voices. A UserError says that its grid is
        another, or that a pitch is no key of the piano.
        """
        if melody.steps_per_quarter != self.steps_per_quarter:
            self.require(melody)
        top = ChordEncoder(1, self.ranked, self.steps_per_quarter)
        highest = replace(melody, pitches=melody.pitches[:, :1], onsets=melody.onsets[:, :1])
        symbols = top.encode(replace(highest, ranked=self.ranked))
        given = np.pad(symbols, ((0, 0), (0, self.voices - 1)))
        given[-1] = END_ID
        return given

    def struck(self, symbols: np.ndarray) -> np.ndarray:
        """Where symbols are keys that are struck."""
        return (symbols >= FIRST_KEY_ID) & (symbols < FIRST_KEY_ID + _NUMBER_OF_KEYS)

    def decode(
        self,
        symbols: np.ndarray,
        *,
        key: str | None = None,
        first_position: int = 0,
        metre: int | None = None,
    ) -> Score:
        """The score of symbols, (steps, voices) integers, up to their end if it is among them.

        A key that follows itself is one long note if voices are ranks: then nothing tells it from
        one that is struck again.

        Args:
            symbols, key: see `Score`.
            first_position: where in the bar the first step is, from 0.
            metre: steps in a bar; four quarters by default.
        """
        symbols = np.asarray(symbols)
        over = (symbols[:, 0] == END_ID) | (symbols[:, 0] == PADDING_ID)
        symbols = symbols[: over.argmax()] if over.any() else symbols
        sounds = symbols >= FIRST_KEY_ID
        numbers = (symbols - FIRST_KEY_ID) % _NUMBER_OF_KEYS
        pitches = np.where(sounds, numbers + LOWEST, 0).astype("int16")
        onsets = self.struck(symbols)
        if self.ranked:
            before = np.concatenate([np.zeros_like(pitches[:1]), pitches[:-1]])
            onsets = sounds & (pitches != before)
        grid = self.steps_per_quarter
        positions = (first_position + np.arange(len(symbols))) % (metre or 4 * grid)
        return Score(pitches, onsets, grid, positions, key, ranked=self.ranked)

    def positions(self, score: Score) -> np.ndarray:
        """The ids of positions in the bar, (steps + 1,) int32, from 1; 0 without a metre."""
        if not self.bar:
            return np.zeros(len(score) + 1, "int32")
        known = np.asarray(score.positions, dtype="int32")
        end = known[-1] + 1 if len(known) else 0
        return (1 + np.append(known, end) % self.bar).astype("int32")

    @staticmethod
    def key_id(key: str | None) -> int:
        """The id of a key, from 1; 0 for None."""
        if key is not None and key not in KEYS:
            raise UserError(f"{key!r} is not a key: give one like 'G major', or None")
        return 0 if key is None else 1 + KEYS.index(key)

    def require(self, score: Score) -> None:
        """Refuses, by a UserError, scores of another kind; chords may have fewer notes."""
        kind = (score.voices, score.ranked, score.steps_per_quarter)
        voices = min(self.voices, score.voices) if self.ranked else self.voices
        if kind != (voices, self.ranked, self.steps_per_quarter):
            raise UserError(
                f"{score.name or 'the score'} has {_describe_kind(*kind)}; the model is one of "
                f"{_describe_kind(self.voices, self.ranked, self.steps_per_quarter)}"
            )

    def get_config(self) -> dict[str, int]:
        """What `ChordEncoder(**config)` needs."""
        return asdict(self)


def _describe_kind(voices: int, ranked: bool, steps_per_quarter: int) -> str:
    what = f"chords of at most {voices} notes" if ranked else f"{voices} parts"
    return f"{what} on a grid of {steps_per_quarter} steps to the quarter note"
