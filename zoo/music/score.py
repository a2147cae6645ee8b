"""What a piece of music is here: voices on a grid in time."""

import itertools
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from zoo.errors import UserError
from zoo.music.notes import HIGHEST, LOWEST, SILENCE, transposed_key

MOST_VOICES = 4  # what files with more notes at once are reduced to
GRIDS = (1, 2, 4, 8, 16)  # steps in a quarter note: those that notation has values for
VOICE_NAMES = ("Soprano", "Alto", "Tenor", "Bass")
TEMPI = (4, 1000)  # quarter notes a minute; a MIDI file cannot hold slower ones


class Note(NamedTuple):
    """A note of a voice: steps `start` to `stop` (excluded), and its MIDI number."""

    start: int
    stop: int
    pitch: int


class Bar(NamedTuple):
    """A bar: steps `start` to `stop` (excluded), and `length`, more if its beginning is missing."""

    start: int
    stop: int
    length: int


@dataclass(frozen=True, eq=False)
class Score:
    """Voices on a grid in time, the highest voice first.

    Attributes:
        pitches: (steps, voices) int16, MIDI note numbers 1 to 127; 0 is silence.
        onsets: (steps, voices) bool, whether a note begins here; False for silence. A change of
            the pitch is an onset, too.
        steps_per_quarter: 1, 2, 4 (a grid of sixteenths), 8 or 16.
        positions: (steps,) int16, steps since the bar line, of 4/4 from the start where no metre
            is known. A piece that begins with a pickup begins with the end of a bar.
        key: one of `zoo.music.notes.KEYS`, or None if it is unknown.
        name: of the piece, for messages.
        ranked: voices are ranks of a chord's notes, and a note that goes on is not told apart from
            one that is struck again: the pitch alone tells something.
        reduced: so many notes of the source were left out, for more sounded than the score holds.

    Raises:
        ValueError: the arrays do not fit together, or hold what they cannot hold.
    """

    pitches: np.ndarray
    onsets: np.ndarray
    steps_per_quarter: int
    positions: np.ndarray
    key: str | None = None
    name: str = ""
    ranked: bool = False
    reduced: int = 0

    def __post_init__(self) -> None:
        pitches = np.asarray(self.pitches)
        onsets, positions = np.asarray(self.onsets, bool), np.asarray(self.positions, np.int16)
        if pitches.ndim != 2 or onsets.shape != pitches.shape or len(positions) != len(pitches):
            raise ValueError(
                f"pitches {pitches.shape}, onsets {onsets.shape} and positions {positions.shape} "
                "are not of the same steps and voices"
            )
        if pitches.size and not (pitches.min() >= SILENCE and pitches.max() <= HIGHEST):
            raise ValueError(f"pitches must be {SILENCE} to {HIGHEST}")
        if (onsets & (pitches == SILENCE)).any():
            raise ValueError("silence has no onset")
        if self.steps_per_quarter not in GRIDS:
            raise ValueError(f"steps_per_quarter must be one of {GRIDS}")
        starts = np.vstack([np.zeros_like(pitches[:1]), pitches[:-1]]) != pitches
        object.__setattr__(self, "pitches", pitches.astype(np.int16))
        object.__setattr__(self, "onsets", onsets | (starts & (pitches != SILENCE)))
        object.__setattr__(self, "positions", positions)

    def __len__(self) -> int:
        """The number of steps."""
        return len(self.pitches)

    @property
    def voices(self) -> int:
        return self.pitches.shape[1]

    @property
    def quarters(self) -> float:
        """The duration in quarter notes."""
        return len(self) / self.steps_per_quarter

    def sounding(self) -> list[list[int]]:
        """The distinct pitches that sound at each step, the lowest first."""
        return [sorted({int(p) for p in step if p != SILENCE}) for step in self.pitches]

    def notes(self, voice: int) -> list[Note]:
        """The notes of a voice in order: an onset with the steps through which it is held."""
        pitches, onsets = self.pitches[:, voice], self.onsets[:, voice]
        ends = np.flatnonzero(onsets | (pitches == SILENCE))  # of what sounded before
        stops = np.append(ends, len(self))
        return [
            Note(int(start), int(stop), int(pitches[start]))
            for start, stop in itertools.pairwise(stops)
            if onsets[start]
        ]

    def bars(self) -> list[Bar]:
        """The bars in order; of 4/4 from the start if all positions are 0, so that none is known.

        The first one may be a pickup: `length` is then more than its steps.
        """
        positions = self.positions
        if not positions.any():
            positions = np.arange(len(self)) % (4 * self.steps_per_quarter)
        starts = np.flatnonzero(np.diff(positions, prepend=positions[:1]) < 0).tolist()
        edges = [0, *starts, len(self)]
        return [
            Bar(start, stop, int(positions[stop - 1]) + 1)
            for start, stop in itertools.pairwise(edges)
            if start < stop
        ]

    def transposed(self, semitones: int) -> "Score":
        """The same music so many semitones higher; a UserError if a note would leave 1 to 127."""
        sounds = self.pitches != SILENCE
        moved = self.pitches[sounds].astype(int) + semitones
        if moved.size and not (moved.min() >= LOWEST and moved.max() <= HIGHEST):
            raise UserError(
                f"{self.name or 'the piece'} cannot be transposed by {semitones} semitones: "
                "a note would leave the range of MIDI"
            )
        pitches = self.pitches.copy()
        pitches[sounds] = moved
        key = None if self.key is None else transposed_key(self.key, semitones)
        return replace(self, pitches=pitches, key=key)

    def sliced(self, start: int, stop: int | None = None) -> "Score":
        """Steps `start` to `stop` (excluded); a note that began before begins here."""
        steps = slice(start, stop)
        pitches, onsets = self.pitches[steps], self.onsets[steps]
        return replace(self, pitches=pitches, onsets=onsets, positions=self.positions[steps])

    def in_voices(self, voices: int) -> "Score":
        """With so many voices: the upper ones, or silent ones below; the lost notes are counted."""
        lost = sum(len(self.notes(voice)) for voice in range(voices, self.voices))
        pitches, onsets = self.pitches[:, :voices], self.onsets[:, :voices]
        kept = replace(self, pitches=pitches, onsets=onsets, reduced=self.reduced + lost)
        return kept.padded(voices)

    def padded(self, voices: int) -> "Score":
        """With silent voices below, until it has so many."""
        columns = ((0, 0), (0, voices - self.voices))
        pitches, onsets = np.pad(self.pitches, columns), np.pad(self.onsets, columns)
        return replace(self, pitches=pitches, onsets=onsets)

    def fingerprint(self) -> bytes:
        """Equal for scores of the same pitches at each step, up to a transposition of them all."""
        sounds = self.pitches != SILENCE
        lowest = self.pitches[sounds].min(initial=HIGHEST)
        relative = np.where(sounds, self.pitches - lowest + 1, 0).astype(np.int16)
        return f"{self.voices} {self.steps_per_quarter} ".encode() + relative.tobytes()


def time_signature(length: int, steps_per_quarter: int) -> tuple[int, int]:
    """The metre of a bar of so many steps: beats of quarters where that can be, else shorter."""
    beats = Fraction(length, steps_per_quarter)
    return beats.numerator, 4 * beats.denominator


def check_tempo(tempo: float) -> None:
    """Refuses, by a UserError, a tempo that is not 4 to 1000 quarter notes a minute."""
    slowest, fastest = TEMPI
    if not (math.isfinite(tempo) and slowest <= tempo <= fastest):
        raise UserError(
            f"a tempo of {tempo:g} cannot be played: "
            f"give {slowest} to {fastest} quarter notes a minute"
        )
