"""Musical scores on a grid in time: reading and writing them, hearing and seeing them.

The submodules below are imported when they are first used: the library for MusicXML takes seconds.
"""

import importlib

from zoo.scores.notes import (
    KEYS,
    chord_name,
    parse_chord,
    parse_key,
    parse_pitch,
    pitch_name,
    transposed_key,
)
from zoo.scores.score import Score

_SUBMODULES = {"audio", "counterpoint", "midi", "musicxml", "piano_roll"}

__all__ = [
    "KEYS",
    "Score",
    "chord_name",
    "parse_chord",
    "parse_key",
    "parse_pitch",
    "pitch_name",
    "transposed_key",
]


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"zoo.scores.{name}")
    raise AttributeError(f"module 'zoo.scores' has no attribute {name!r}")
