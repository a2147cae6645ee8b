"""Pieces in other keys."""

import numpy as np
from support.score_examples import piece_of, struck

from zoo.music.transpositions import transpositions


def test_within_what_each_voice_has_somewhere():
    low, high = struck([[60, 40], [62, 41]]), struck([[63, 42], [65, 44]])
    found = transpositions([low, high], 12)
    shifts = [int(score.pitches[0, 0]) for score in found]
    assert shifts == [60, 61, 62, 63, 61, 62, 63]  # one up by 3, the other down by 2
    for score in found:
        assert set(score.pitches[:, 0]) <= set(range(60, 66))
        assert set(score.pitches[:, 1]) <= set(range(40, 45))
    silent = transpositions([struck([[60, 0]]), struck([[62, 0]])], 5)
    assert [score.pitches.tolist() for score in silent[:3]] == [[[60, 0]], [[61, 0]], [[62, 0]]]


def test_no_more_than_asked_for():
    pieces = [struck([[60]]), struck([[80]])]
    assert [int(s.pitches[0, 0]) for s in transpositions(pieces, 2)] == [60, 61, 62, 78, 79, 80]
    assert transpositions(pieces, 0) == pieces


def test_keys_rests_and_onsets_go_along():
    piece, bound = piece_of(seed=1, key="G major"), struck([[127] * 4, [1] * 4])
    found = transpositions([piece, bound], 1)
    assert [score.key for score in found[:3]] == ["F# major", "G major", "Ab major"]
    for score in found[:3]:
        np.testing.assert_array_equal(score.pitches == 0, piece.pitches == 0)
        np.testing.assert_array_equal(score.onsets, piece.onsets)
