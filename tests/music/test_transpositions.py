"""Pieces in other keys."""

import numpy as np
from support.score_examples import piece_of

from zoo.music import Score
from zoo.music.transpositions import transpositions


def score_of(pitches, key=None):
    pitches = np.array(pitches)
    return Score(pitches, pitches > 0, 4, np.arange(len(pitches)), key=key)


def test_within_what_each_voice_has_somewhere():
    low, high = score_of([[60, 40], [62, 41]]), score_of([[63, 42], [65, 44]])
    found = transpositions([low, high], 12)
    shifts = [int(score.pitches[0, 0]) for score in found]
    assert shifts == [60, 61, 62, 63, 61, 62, 63]  # one up by 3, the other down by 2
    for score in found:
        assert set(score.pitches[:, 0]) <= set(range(60, 66))
        assert set(score.pitches[:, 1]) <= set(range(40, 45))


def test_no_more_than_asked_for():
    pieces = [score_of([[60]]), score_of([[80]])]
    assert [int(s.pitches[0, 0]) for s in transpositions(pieces, 2)] == [60, 61, 62, 78, 79, 80]
    assert transpositions(pieces, 0) == pieces


def test_keys_rests_and_onsets_go_along():
    piece, bound = piece_of(seed=1, key="G major"), score_of([[127] * 4, [1] * 4])
    found = transpositions([piece, bound], 1)
    assert [score.key for score in found[:3]] == ["F# major", "G major", "Ab major"]
    for score in found[:3]:
        np.testing.assert_array_equal(score.pitches == 0, piece.pitches == 0)
        np.testing.assert_array_equal(score.onsets, piece.onsets)


def test_a_voice_that_is_silent_throughout():
    found = transpositions([score_of([[60, 0]]), score_of([[62, 0]])], 5)
    assert [score.pitches.tolist() for score in found[:3]] == [[[60, 0]], [[61, 0]], [[62, 0]]]
