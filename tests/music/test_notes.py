"""Names of notes, chords and keys."""

import pytest

from zoo.errors import UserError
from zoo.music.notes import (
    KEYS,
    chord_name,
    fifths,
    parse_chord,
    parse_key,
    parse_pitch,
    pitch_name,
    transposed_key,
)

# The circle of fifths, from six flats to six sharps; the 13 major keys and their relative minors.
MAJOR = ("Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#")
MINOR = ("Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("C4", 60), ("c4", 60), ("B#3", 60), ("Dbb4", 60), ("60", 60), (" C4 ", 60)),
        *(("A4", 69), ("F#3", 54), ("Gb3", 54), ("Bb2", 46), ("bb2", 46), ("b2", 47)),
        *(("Cb4", 59), ("C##4", 62), ("C♯4", 61), ("C#-1", 1), ("G9", 127), ("127", 127)),
        *(("-", 0), ("rest", 0), ("0", 0)),
    ],
)
def test_a_name_has_its_number(text, number):
    assert parse_pitch(text) == number


@pytest.mark.parametrize("text", ["", "H4", "C", "C#", "C44", "sixty", "C4.5", "#4", "²"])
def test_no_name_of_a_note(text):
    with pytest.raises(UserError, match="is not the name of a note: give one like") as raised:
        parse_pitch(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["128", "-1", "G#9", "C-1", "9999999999"])
def test_a_note_out_of_range(text):
    with pytest.raises(UserError, match=f"'{text}' is out of range"):
        parse_pitch(text)


def test_every_number_has_a_name_that_is_read_back():
    for key in (None, *KEYS):
        assert [parse_pitch(pitch_name(pitch, key)) for pitch in range(128)] == [*range(128)], key


def test_names_are_spelled_in_the_key():
    def spelled(pitches, key=None):
        return chord_name(pitches, key)

    assert spelled([70, 66]) == "A#4 F#4"
    assert spelled([70, 66], "F major") == "Bb4 F#4"
    assert spelled([56, 53, 50], "A minor") == "G#3 F3 D3"
    assert spelled([61, 70], "D minor") == "C#4 Bb4"
    assert spelled([60, 59, 65], "G# minor") == "B#3 B3 E#4"
    assert spelled([0, 61], "Db major") == "- Db4"


def test_chords():
    assert parse_chord("C5 G4, E4  C3") == (72, 67, 64, 48)
    assert parse_chord("72 - 64 rest") == (72, 0, 64, 0)
    assert chord_name(parse_chord("C5 G4 - C3")) == "C5 G4 - C3"
    for empty in ("", " , "):
        with pytest.raises(UserError, match="the chord is empty"):
            parse_chord(empty)


def test_keys_are_24_by_their_tonics():
    assert len(set(KEYS)) == 24
    for mode, some in (("major", KEYS[:12]), ("minor", KEYS[12:])):
        tonics, modes = zip(*(key.split() for key in some), strict=True)
        assert set(modes) == {mode}
        assert [parse_pitch(f"{tonic}4") - 60 for tonic in tonics] == list(range(12))
    assert tuple(map(parse_key, KEYS)) == KEYS


@pytest.mark.parametrize(
    ("text", "key"),
    [
        *(("g", "G major"), ("G", "G major"), ("Gm", "G minor"), ("GM", "G major")),
        *(("F# minor", "F# minor"), ("f#m", "F# minor"), ("Bb major", "Bb major")),
        *(("bb", "Bb major"), ("B minor", "B minor"), ("e-min", "E minor"), ("Dmaj", "D major")),
        *(
            ("Gb", "F# major"),
            ("D# minor", "Eb minor"),
            ("Cb", "B major"),
            ("  c MAJOR ", "C major"),
        ),
    ],
)
def test_a_key_as_people_write_it(text, key):
    assert parse_key(text) == key


@pytest.mark.parametrize("text", ["", "H major", "C dorian", "minor", "a-moll", "C#b", "12"])
def test_no_key(text):
    with pytest.raises(UserError, match="is not a key: give one like"):
        parse_key(text)


def test_key_signatures_are_those_of_the_circle_of_fifths():
    for tonics, mode in ((MAJOR, "major"), (MINOR, "minor")):
        for sharps, tonic in enumerate(tonics, -6):
            key = parse_key(f"{tonic} {mode}")
            assert (fifths(key) - sharps) % 12 == 0
            assert fifths(key) == sharps or abs(sharps) == 6


def test_transposed_keys():
    assert transposed_key("G major", 2) == "A major"
    assert transposed_key("C minor", -1) == "B minor"
    for key in KEYS:
        assert transposed_key(key, 12) == transposed_key(transposed_key(key, 7), -7) == key
