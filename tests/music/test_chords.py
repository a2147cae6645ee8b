"""Names of notes, chords and keys; scores as symbols and back."""

import math
from dataclasses import replace

import numpy as np
import pytest
from support.music_pieces import assert_same_music, encoder_of, piece_of, struck
from support.refusals import refused

from zoo.music import KEYS, chord_name, parse_chord, parse_key, parse_pitch, pitch_name
from zoo.music.chords import END_ID, FIRST_KEY_ID, LOWEST, REST_ID, ChordEncoder
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


HELD = 88  # from a key that is struck to the same, held


def test_symbols_of_parts_and_ranks():
    pitches, onsets = [[72, 0], [72, 60], [72, 60]], [[1, 0], [0, 1], [1, 0]]
    score = replace(struck(pitches), onsets=onsets)
    c5, c4 = 72 - LOWEST + FIRST_KEY_ID, 60 - LOWEST + FIRST_KEY_ID
    expected = [[c5, REST_ID], [c5 + HELD, c4], [c5, c4 + HELD], [END_ID, END_ID]]
    assert encoder_of("parts", 2).encode(score).tolist() == expected
    score = struck([[72, 60], [72, 0]], 1, ranked=True)
    encoder = encoder_of("ranked", 3)  # a chord may have fewer notes
    expected = [[c5, c4, REST_ID], [c5, REST_ID, REST_ID]]
    assert encoder.encode(score, end=False).tolist() == expected


def test_parts_come_back():
    for seed in range(5):
        score, encoder = piece_of(seed=seed), encoder_of("parts")
        found = encoder.decode(encoder.encode(score), key="G major", first_position=4)
        assert_same_music(found, score)
    assert [encoder.key_id(key) for key in (None, *KEYS)] == list(range(25))


def test_ranks_come_back_as_long_notes():
    score = struck([[72, 60], [72, 59], [71, 59]], 1, ranked=True)
    encoder = ChordEncoder.of(score)
    found = encoder.decode(encoder.encode(score))
    np.testing.assert_array_equal(found.pitches, score.pitches)
    assert found.onsets.tolist() == [[True, True], [False, True], [True, False]]
    assert found.ranked


def test_metre():
    encoder = encoder_of("parts", 1)
    score = encoder.decode(np.full((5, 1), 50), first_position=10, metre=12)
    assert score.positions.tolist() == [10, 11, 0, 1, 2]
    assert encoder.positions(score).tolist() == [11, 12, 1, 2, 3, 4]
    assert encoder_of("ranked").positions(piece_of("ranked", steps=2)).tolist() == [0, 0, 0]


def test_chords_and_melodies_that_are_given():
    found = encoder_of("parts", 3).given([(72,), (0, 60, 48)])
    first = 72 - LOWEST + FIRST_KEY_ID
    assert found.tolist() == [[first, 0, 0], [REST_ID, first - 12, first - 24]]
    melody = piece_of(voices=1, first=0)
    found = encoder_of("parts", 3).given_melody(melody)
    expected = encoder_of("parts", 1).encode(melody)
    np.testing.assert_array_equal(found[:, :1], expected)
    assert (found[:-1, 1:] == 0).all()
    assert (found[-1] == END_ID).all()

    sets = 1 + 88 + 88 * 87 // 2
    assert encoder_of("ranked", 2).uniform_nll == pytest.approx(math.log(sets))
    assert encoder_of("parts", 2).uniform_nll == pytest.approx(2 * math.log(90))


def test_other_scores_are_refused():
    for score, words in (
        (struck([[20]]), "20 is no key of the piano"),
        (struck([[109]]), "109 is no key of the piano"),
        (struck([[60, 55]]), "2 parts on a grid of 4 steps to the quarter note"),
        (struck([[60]], 2), "1 parts on a grid of 2"),
        (struck([[60]], 1, ranked=True), "chords of at most 1 notes"),
    ):
        refused(words, encoder_of("parts", 1).encode, score)
    for kind, chord, words in (
        ("parts", (60, 59, 58), "more than the 2 notes"),
        ("parts", (60, 10), "10 is no key of the piano"),
        ("ranked", (60, 67), "from the top down"),
        ("ranked", (60, 60), "from the top down"),
        ("ranked", (0, 60), "from the top down"),
    ):
        refused(words, encoder_of(kind, 2).given, [chord])
