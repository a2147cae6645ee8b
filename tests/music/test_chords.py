"""Scores as symbols and back."""

import math
from dataclasses import replace

import numpy as np
import pytest
from support.refusals import refused
from support.score_examples import assert_same_music, encoder_of, piece_of, struck

from zoo.music import KEYS
from zoo.music.chords import END_ID, FIRST_KEY_ID, LOWEST, REST_ID, ChordEncoder

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
