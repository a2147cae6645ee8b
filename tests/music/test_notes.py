"""Names of notes, chords and keys."""

from support.refusals import refused

from zoo.music import KEYS, chord_name, parse_chord, parse_key, parse_pitch, pitch_name
from zoo.music.notes import fifths, transposed_key

# The circle of fifths, from six flats to six sharps; the 13 major keys and their relative minors.
MAJOR = "Gb Db Ab Eb Bb F C G D A E B F#"
MINOR = "Eb Bb F C G D A E B F# C# G# D#"


def test_a_name_has_its_number():
    numbers = {60: "C4 c4 B#3 Dbb4 60 C4", 69: "A4", 54: "F#3 Gb3", 46: "Bb2 bb2", 47: "b2"}
    numbers |= {59: "Cb4", 62: "C##4", 61: "C♯4", 1: "C#-1", 127: "G9 127", 0: "- rest 0"}
    for number, names in numbers.items():
        assert {parse_pitch(f" {name}") for name in names.split()} == {number}
    for key in (None, *KEYS):
        assert [parse_pitch(pitch_name(pitch, key)) for pitch in range(128)] == [*range(128)], key


def test_no_name_of_a_note():
    for text in ("", "H4", "C", "C#", "C44", "sixty", "C4.5", "#4", "²"):
        refused("is not the name of a note: give one like", parse_pitch, text)
    for text in ("128", "-1", "G#9", "C-1", "9999999999"):
        refused(f"'{text}' is out of range", parse_pitch, text)


def test_chords_are_spelled_in_the_key():
    for pitches, key, names in (
        ([70, 66], None, "A#4 F#4"),
        ([70, 66], "F major", "Bb4 F#4"),
        ([56, 53, 50], "A minor", "G#3 F3 D3"),
        ([61, 70], "D minor", "C#4 Bb4"),
        ([60, 59, 65], "G# minor", "B#3 B3 E#4"),
        ([0, 61], "Db major", "- Db4"),
    ):
        assert chord_name(pitches, key) == names
        assert parse_chord(names) == (*pitches,)
    assert parse_chord("72, -  64 rest") == (72, 0, 64, 0)
    for empty in ("", " , "):
        refused("the chord is empty", parse_chord, empty)


def test_keys_are_24_by_their_tonics():
    assert len(set(KEYS)) == 24
    for mode, some in (("major", KEYS[:12]), ("minor", KEYS[12:])):
        tonics, modes = zip(*(key.split() for key in some), strict=True)
        assert set(modes) == {mode}
        assert [parse_pitch(f"{tonic}4") - 60 for tonic in tonics] == list(range(12))
    assert tuple(map(parse_key, KEYS)) == KEYS


def test_keys_as_people_write_them():
    for key, names in {
        "G major": "g,G,GM",
        "G minor": "Gm",
        "F# minor": "f#m",
        "Bb major": "bb,Bb major",
        "E minor": "e-min",
        "D major": "Dmaj",
        "F# major": "Gb",
        "Eb minor": "D# minor",
        "B major": "Cb",
        "C major": "  c MAJOR ",
    }.items():
        assert {parse_key(name) for name in names.split(",")} == {key}
    for text in ("", "H major", "C dorian", "minor", "a-moll", "C#b", "12"):
        refused("is not a key: give one like", parse_key, text)


def test_key_signatures_are_those_of_the_circle_of_fifths():
    for tonics, mode in ((MAJOR, "major"), (MINOR, "minor")):
        for sharps, tonic in enumerate(tonics.split(), -6):
            key = parse_key(f"{tonic} {mode}")
            assert (fifths(key) - sharps) % 12 == 0
            assert fifths(key) == sharps or abs(sharps) == 6


def test_transposed_keys():
    assert transposed_key("G major", 2) == "A major"
    assert transposed_key("C minor", -1) == "B minor"
    for key in KEYS:
        assert transposed_key(key, 12) == transposed_key(transposed_key(key, 7), -7) == key
