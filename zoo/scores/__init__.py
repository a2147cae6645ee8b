"""Musical scores on a grid in time: reading and writing them, hearing and seeing them.

`zoo.scores.midi` and `zoo.scores.musicxml` read and write files; nothing of theirs is imported
here, as the library for MusicXML takes seconds.
"""

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
