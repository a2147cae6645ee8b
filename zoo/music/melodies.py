"""Melodies from a line of text, and from a line that somebody drew."""

import itertools
import re
from fractions import Fraction

import numpy as np

from zoo.errors import UserError
from zoo.music.notes import KEYS, SILENCE, parse_pitch, pitch_name
from zoo.music.score import Score

LOWEST, HIGHEST = 60, 81  # of a drawn melody: what sopranos sing

_LENGTH = re.compile(r"\d{1,3}(\.\d{1,4}|/[1-9]\d?)?")
_STEPS_OF_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


def parse_melody(text: str, steps_per_quarter: int) -> Score:
    """A melody from its notes, "C5 D5:2 - E5:1/2": a quarter each, or as many as are after a colon.

    A dash is a rest, | may stand between bars. The score has one voice and bars of 4/4.

    Raises:
        UserError: there is no note, a word is none, or a length does not fit the grid.
    """
    pitches: list[int] = []
    onsets: list[bool] = []
    for word in text.replace("|", " ").replace(",", " ").split():
        name, colon, length = word.partition(":")
        pitch, steps = parse_pitch(name), _steps(word, length if colon else "1", steps_per_quarter)
        pitches += [pitch] * steps
        onsets += [pitch != SILENCE] + [False] * (steps - 1)
    if not any(onsets):
        raise UserError("the melody is empty: give notes like 'C5 D5 E5:2', each a quarter or :2")
    positions = np.arange(len(pitches)) % (4 * steps_per_quarter)
    columns = np.array(pitches)[:, None], np.array(onsets)[:, None]
    return Score(*columns, steps_per_quarter, positions, name="the melody")


def _steps(word: str, length: str, steps_per_quarter: int) -> int:
    if not _LENGTH.fullmatch(length):
        raise UserError(f"'{word[:50]}': after the colon give quarters, like :2, :1.5 or :1/2")
    steps = Fraction(length) * steps_per_quarter
    if steps.denominator != 1 or not steps:
        raise UserError(
            f"'{word}': a note lasts whole steps, of which {steps_per_quarter} make a quarter here"
        )
    return int(steps)


def scale(key: str | None) -> tuple[int, ...]:
    """The pitch classes, 0 for C, of one of `KEYS`, a minor one in its natural form; else all."""
    if key is None:
        return tuple(range(12))
    steps = _STEPS_OF_SCALES[key.split()[1]]
    return tuple(sorted((KEYS.index(key) + step) % 12 for step in steps))


def traced_melody(
    ink: np.ndarray, quarters: int, key: str | None, lowest: int = LOWEST, highest: int = HIGHEST
) -> str:
    """The melody of a drawn line, as `parse_melody` reads it; "" if nothing is drawn.

    Args:
        ink: (height, width) bool, time from left to right, pitch from bottom to top.
        quarters: how many notes of a quarter make the width; equal neighbours are one long note,
            and where there is no line there is a rest.
        key: one of `zoo.music.notes.KEYS`, to whose scale the line snaps, or None: to semitones.
        lowest, highest: MIDI note numbers at the bottom and at the top.
    """
    rows = np.arange(lowest, highest + 1)
    allowed = rows[np.isin(rows % 12, scale(key))]
    pitches = []
    for part in np.array_split(ink, quarters, axis=1):
        places = np.nonzero(part)[0]  # from the top
        pitch = SILENCE
        if len(places):
            height = 1 - (np.median(places) + 0.5) / len(ink)
            exact = lowest - 0.5 + height * len(rows)
            pitch = int(allowed[np.abs(allowed - exact).argmin()])
        pitches.append(pitch)
    runs = [(pitch, len([*run])) for pitch, run in itertools.groupby(np.trim_zeros(pitches))]
    return " ".join(pitch_name(pitch, key) + (f":{n}" if n > 1 else "") for pitch, n in runs)
