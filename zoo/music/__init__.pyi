from . import audio, chords, counterpoint, midi, musicxml, notes, piano_roll, transpositions
from .notes import KEYS, chord_name, parse_chord, parse_key, parse_pitch, pitch_name, transposed_key
from .score import Score

__all__ = [
    "KEYS",
    "Score",
    "audio",
    "chord_name",
    "chords",
    "counterpoint",
    "midi",
    "musicxml",
    "notes",
    "parse_chord",
    "parse_key",
    "parse_pitch",
    "piano_roll",
    "pitch_name",
    "transposed_key",
    "transpositions",
]
