"""Names of notes, chords and keys, and the numbers that MIDI gives to notes."""

import re
from collections.abc import Iterable

from zoo.errors import UserError

SILENCE = 0
LOWEST, HIGHEST = 1, 127  # MIDI note numbers; C-1, number 0, gives way to silence

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "##": 2, "b": -1, "♭": -1, "bb": -2}
_NOTE = re.compile(r"([A-Ga-g])(##|bb|[#♯b♭]?)(-?\d)")
_KEY = re.compile(r"([A-Ga-g])([#♯b♭]?)\s*-?\s*(major|maj|minor|min|m|)", re.IGNORECASE)

# Of the two names of a key on a black note that with fewer accidentals; F# and Eb where both have
# six.
_MAJOR = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")

KEYS = (*(f"{tonic} major" for tonic in _MAJOR), *(f"{tonic} minor" for tonic in _MINOR))
"""The 24 keys: "C major" to "B major" by rising tonic, then "C minor" to "B minor"."""


def parse_pitch(text: str) -> int:
    """The MIDI note number of a note: "C4" is 60, as are "B#3" and "60"; "-" and "rest" are 0.

    A name is a letter, accidentals (#, ##, b, bb) and an octave from -1 to 9, or a number. Any
    other, or a note outside 1 to 127 (C#-1 to G9), is a UserError.
    """
    text = text.strip()
    if text in ("-", "0") or text.lower() == "rest":
        return SILENCE
    if text.isascii() and text.lstrip("-").isdigit():
        number = int(text)
    elif match := _NOTE.fullmatch(text):
        letter, accidental, octave = match.groups()
        number = _LETTERS[letter.upper()] + _ACCIDENTALS[accidental] + 12 * (int(octave) + 1)
    else:
        raise UserError(
            f"'{text}' is not the name of a note: give one like C4, F#3 or Bb2, "
            "a MIDI number like 60, or - for silence"
        )
    if not LOWEST <= number <= HIGHEST:
        raise UserError(f"the note '{text}' is out of range: MIDI notes are C#-1 (1) to G9 (127)")
    return number


def pitch_name(pitch: int, key: str | None = None) -> str:
    """The name of a MIDI note number as a key would spell it; "-" for silence.

    Names stand on the line of fifths, ... F C G D A E B F# C# ...; a key takes the twelve that
    begin two fifths below the tonic of its major: in C major and A minor from Bb to D#. Without a
    key it is F to A#, with sharps only.
    """
    if pitch == SILENCE:
        return "-"
    first = -1 if key is None else fifths(key) - 2  # from C, where F is -1
    place = first + (7 * pitch - first) % 12  # a fifth is 7 semitones, and 7 * 7 is 1 modulo 12
    accidentals, letter = divmod(place + 1, 7)
    octave = (pitch - accidentals) // 12 - 1  # that of the letter: B#3 is C4
    return f"{'FCGDAEB'[letter]}{'#' * accidentals or 'b' * -accidentals}{octave}"


def parse_chord(text: str) -> tuple[int, ...]:
    """The MIDI note numbers of a chord, "C5, G4 E4"; a UserError if one is wrong or none there."""
    names = text.replace(",", " ").split()
    if not names:
        raise UserError("the chord is empty: give notes like 'C5 G4 E4 C3', or - for silence")
    return tuple(map(parse_pitch, names))


def chord_name(pitches: Iterable[int], key: str | None = None) -> str:
    """The names of a chord's notes in their order: "C5 G4 E4 C3"."""
    return " ".join(pitch_name(int(pitch), key) for pitch in pitches)


def parse_key(text: str) -> str:
    """One of `KEYS` from its name as people write it.

    "G", "g major" and "Gmaj" are G major; "Gm", "G minor" and "g-min" are G minor; "g" alone is
    G major, as it is unknown whether a small letter means minor. "Gb major" becomes its enharmonic
    equal "F# major". What is no name of a key is a UserError.
    """
    match = _KEY.fullmatch(text.strip())
    if not match:
        raise UserError(f"'{text}' is not a key: give one like 'G major', 'F# minor' or 'Bb'")
    letter, accidental, mode = match.groups()
    tonic = (_LETTERS[letter.upper()] + _ACCIDENTALS[accidental.lower()]) % 12
    is_minor = mode.lower() in ("minor", "min") or mode == "m"
    return KEYS[tonic + 12 * is_minor]


def transposed_key(key: str, semitones: int) -> str:
    """The key, one of `KEYS`, so many semitones higher."""
    mode, tonic = divmod(KEYS.index(key), 12)
    return KEYS[12 * mode + (tonic + semitones) % 12]


def fifths(key: str) -> int:
    """The key signature of one of `KEYS`: so many sharps, or flats if it is negative."""
    mode, tonic = divmod(KEYS.index(key), 12)
    sharps = 7 * (tonic + 3 * mode) % 12  # a minor key has the signature of its relative major
    in_flats = sharps > 6 or (sharps == 6 and "b" in key.split()[0])
    return sharps - 12 if in_flats else sharps
