"""From notes in time to voices on the grid, whatever file the notes came from."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from zoo.errors import UserError
from zoo.music.notes import LOWEST, SILENCE
from zoo.music.score import MOST_VOICES, VOICE_NAMES, Note

MOST_STEPS = 200_000  # hours of music; a damaged file can ask for years


class TimedNote(NamedTuple):
    """A note from `start` to `stop`, both in steps that need not be whole; `pitch` as in MIDI."""

    start: Fraction
    stop: Fraction
    pitch: int


class Voices(NamedTuple):
    """Voices on the grid, (steps, voices) both, and how many notes were left out or cut short."""

    pitches: np.ndarray
    onsets: np.ndarray
    reduced: int


def voiced(parts: Sequence[Sequence[TimedNote]], name: str) -> Voices:
    """Puts the notes of a piece on the grid, in at most four voices.

    Notes begin and end at the nearest step and are at least one step long. At most four parts that
    have one note at a time are the voices, in the order given; a note that outlasts the beginning
    of the next by no more than a step, as in legato playing, ends there, if the next goes on. Of
    notes that begin at the same step in such a part, being too fast for the grid, the longest is
    kept.

    Any other piece is reduced to ranks: at each step the highest note that sounds is the first
    voice, the next the second, and so on. Where more than four sound, the highest three and the
    lowest are kept. A note whose rank changes while it sounds begins again.

    Raises:
        UserError: there is no note, the piece is too long, or a note has the number 0, which means
            silence here.
    """
    parts = [sorted(part) for part in parts]
    if not parts:
        raise UserError(f"{name}: there is no note to be heard in it")
    if min(note.pitch for part in parts for note in part) < LOWEST:
        raise UserError(f"{name}: the note C-1 (number 0) is not supported: leave it out")
    on_grid = [[_to_grid(note) for note in part] for part in parts]
    steps = max(note.stop for part in on_grid for note in part)
    if steps > MOST_STEPS:
        raise UserError(f"{name}: it lasts longer than {MOST_STEPS:,} steps: cut it into pieces")
    if len(parts) <= MOST_VOICES and all(map(_has_one_note_at_a_time, parts)):
        return _as_voices(parts, on_grid, steps)
    return _as_ranks([note for part in on_grid for note in part], steps)


def ordered(parts: Sequence[tuple[str, Sequence[TimedNote]]]) -> list[Sequence[TimedNote]]:
    """The parts that have notes, given with their names, from the highest to the lowest.

    By the names, if these are soprano, alto, tenor and bass; else by the mean of the pitches.
    """
    parts = [(name.strip().title(), part) for name, part in parts if part]
    if len(parts) == len(VOICE_NAMES) and (by_name := dict(parts)).keys() == set(VOICE_NAMES):
        return [by_name[name] for name in VOICE_NAMES]
    of_parts = [part for _, part in parts]
    return sorted(of_parts, key=lambda part: -np.mean([note.pitch for note in part]))


def _to_grid(note: TimedNote) -> Note:
    start, stop = (int(time + Fraction(1, 2)) for time in note[:2])
    return Note(start, max(stop, start + 1), note.pitch)


def _has_one_note_at_a_time(part: Sequence[TimedNote]) -> bool:
    return all(
        before.start < after.start and before.stop <= after.start + 1 and before.stop < after.stop
        for before, after in itertools.pairwise(part)
    )


def _as_voices(
    parts: Sequence[Sequence[TimedNote]], on_grid: list[list[Note]], steps: int
) -> Voices:
    pitches = np.full((steps, len(parts)), SILENCE, np.int16)
    onsets = np.zeros((steps, len(parts)), bool)
    reduced = 0
    for voice, part in enumerate(parts):
        # At each step the longest of the notes that begin there: its length, the note.
        longest: dict[int, tuple[Fraction, Note]] = {}
        for timed, note in zip(part, on_grid[voice], strict=True):
            length = timed.stop - timed.start
            if note.start not in longest or length > longest[note.start][0]:
                longest[note.start] = (length, note)
        reduced += len(part) - len(longest)
        for _, (start, stop, pitch) in longest.values():  # the next one cuts it
            pitches[start:stop, voice] = pitch
            onsets[start + 1 : stop, voice] = False
            onsets[start, voice] = True
    return Voices(pitches, onsets, reduced)


def _as_ranks(notes: list[Note], steps: int) -> Voices:
    # At each step the pitches that sound, and whether they are struck.
    struck: list[dict[int, bool]] = [{} for _ in range(steps)]
    for start, stop, pitch in notes:
        for step in range(start, stop):
            struck[step][pitch] = struck[step].get(pitch, False) or step == start
    kept = [sorted(sounding, reverse=True) for sounding in struck]
    for chord in kept:
        del chord[MOST_VOICES - 1 : -1]
    pitches = np.full((steps, max(map(len, kept))), SILENCE, np.int16)
    onsets = np.zeros(pitches.shape, bool)
    for step, chord in enumerate(kept):
        pitches[step, : len(chord)] = chord
        onsets[step, : len(chord)] = [struck[step][pitch] for pitch in chord]
    cut = sum(any(note.pitch not in kept[s] for s in range(*note[:2])) for note in notes)
    return Voices(pitches, onsets, cut)
