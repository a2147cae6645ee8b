"""Pieces as lists of chords in JSON, the published form of the chorales of Bach."""

import json
from pathlib import Path

import numpy as np

from zoo.datasets.readers.left_out import ROWS, LeftOut
from zoo.datasets.readers.tables import read_text
from zoo.errors import UserError
from zoo.music.notes import HIGHEST, LOWEST
from zoo.music.score import MOST_VOICES, Score

_SPLITS = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}


def read(path: str | Path) -> dict[str, list[Score]]:
    """Reads a JSON file of pieces, by split: "train", "validation" or "test".

    Pieces are lists of steps, a quarter note each, and a step is the list of the MIDI numbers that
    sound in it, in any order, at most four: the published form of the chorales of Bach that
    polyphonic models are compared on (Boulanger-Lewandowski, Bengio and Vincent, 2012). The scores
    are `ranked`, with as many voices as the most notes at once. Pieces without splits are "train".

    A piece that holds what is no note is left out, which is logged (`LeftOut`).

    Raises:
        UserError: the file is missing or of another form, or more than a tenth of the pieces are.
    """
    try:
        content = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{path}: this is not JSON ({error}): fetch it again") from error
    if isinstance(content, list):
        content = {"train": content}
    if not (isinstance(content, dict) and _SPLITS.keys() & content.keys()):
        raise UserError(
            f"{path}: expected a list of pieces, or an object of such lists by split: "
            '{"train": [...], "valid": [...], "test": [...]}'
        )
    found: dict[str, list[Score]] = {}
    for own, pieces in content.items():
        if own in _SPLITS:
            if not (isinstance(pieces, list) and pieces):
                raise UserError(f"{path}: {own}: expected a list of pieces that is not empty")
            left_out = LeftOut("pieces", len(pieces), ROWS)
            found[_SPLITS[own]] = kept = []
            for number, piece in enumerate(pieces, 1):
                try:
                    kept.append(_piece(piece, f"{path}: {own}, piece {number}"))
                except UserError as error:
                    left_out.add(error)
            left_out.tell()
    return found


def _piece(steps: object, place: str) -> Score:
    if not (isinstance(steps, list) and all(isinstance(step, list) for step in steps)):
        raise UserError(f"{place}: expected a list of steps, each a list of MIDI note numbers")
    if not any(steps):
        raise UserError(f"{place}: there is no note to be heard in it")
    for number, step in enumerate(steps, 1):
        _check(step, f"{place}, step {number}")
    chords = [sorted(set(step), reverse=True) for step in steps]
    pitches = np.zeros((len(steps), max(map(len, chords))), np.int16)
    for row, chord in zip(pitches, chords, strict=True):
        row[: len(chord)] = chord
    return Score(pitches, pitches > 0, 1, np.zeros(len(steps)), name=place, ranked=True)


def _check(step: list, place: str) -> None:
    for pitch in step:
        if type(pitch) is not int or not LOWEST <= pitch <= HIGHEST:
            raise UserError(
                f"{place}: {pitch!r} is no MIDI note number: "
                f"give {LOWEST} to {HIGHEST}, and nothing for silence"
            )
    if len(set(step)) > MOST_VOICES:
        raise UserError(
            f"{place}: {len(set(step))} notes at once; {MOST_VOICES} are the most that is supported"
        )
