"""What a score holds, what can be done with it, and statistics of its four parts."""

import json

import numpy as np
import pytest
from support.music_pieces import METRES, piece_of, random_score, score_of, struck
from support.refusals import refused

from zoo.music import Score, transposed_key
from zoo.music.counterpoint import RANGES, statistics
from zoo.music.score import time_signature
from zoo.music.transpositions import transpositions

HELD = Score(
    pitches=[[60, 0], [60, 48], [60, 48], [62, 0]],
    onsets=[[True, False], [False, True], [True, False], [False, False]],
    steps_per_quarter=4,
    positions=[0, 1, 2, 3],
)


def test_notes_are_runs_between_onsets():
    assert HELD.notes(0) == [(0, 2, 60), (2, 3, 60), (3, 4, 62)]
    assert HELD.notes(1) == [(1, 3, 48)]
    score = random_score(200, 3)
    pitches, onsets = np.zeros_like(score.pitches), np.zeros_like(score.onsets)
    for voice in range(3):
        for start, stop, pitch in score.notes(voice):
            pitches[start:stop, voice] = pitch
            onsets[start, voice] = True
    np.testing.assert_array_equal(pitches, score.pitches)
    np.testing.assert_array_equal(onsets, score.onsets)

    assert HELD.onsets[3].tolist() == [True, False]
    score = Score([[60], [0], [60]], np.zeros((3, 1), bool), 4, np.zeros(3))
    assert score.onsets[:, 0].tolist() == [True, False, True]

    assert score_of("C4 E4 C4", "- - C3", "- - -").sounding() == [[60, 64], [48], []]


def test_arrays_that_are_no_score():
    fitting = {"pitches": [[60, 0]], "onsets": [[True, False]], "steps_per_quarter": 4}
    for changes, message in (
        ({"pitches": [[128, 0]]}, "0 to 127"),
        ({"pitches": [[-1, 0]]}, "0 to 127"),
        ({"onsets": [[True, True]]}, "silence has no onset"),
        ({"onsets": [[True]]}, "not of the same steps"),
        ({"positions": [0, 1]}, "not of the same steps"),
        ({"steps_per_quarter": 3}, "steps_per_quarter"),
    ):
        with pytest.raises(ValueError, match=message):
            Score(**(fitting | {"positions": [0]} | changes))


def test_transposed_moves_notes_and_key_but_no_rest():
    score = random_score()
    higher = score.transposed(3)
    sounds = score.pitches > 0
    assert (score.pitches == 0).any()
    np.testing.assert_array_equal(higher.pitches[sounds], score.pitches[sounds] + 3)
    assert not higher.pitches[~sounds].any()
    assert higher.key == transposed_key(score.key, 3) == "A minor"
    np.testing.assert_array_equal(higher.onsets, score.onsets)
    assert random_score(key=None).transposed(1).key is None

    for semitones in (-60, 68):
        refused(f"transposed by {semitones} semitones", score_of("C4 C4").transposed, semitones)


def test_sliced_strikes_what_it_cuts_and_padded_adds_silent_voices():
    part = HELD.sliced(1, 3)
    assert part.pitches.tolist() == [[60, 48], [60, 48]]
    assert part.onsets.tolist() == [[True, True], [True, False]]
    assert part.positions.tolist() == [1, 2]
    padded = HELD.padded(4)
    assert padded.voices == 4
    assert not padded.pitches[:, 2:].any()
    np.testing.assert_array_equal(padded.pitches[:, :2], HELD.pitches)


def test_bars():
    score = random_score(7, 3)
    assert (len(score), score.voices, score.quarters) == (7, 3, 1.75)

    def bars(name):
        steps = len(METRES[name])
        return [tuple(bar) for bar in random_score(steps, positions=METRES[name]).bars()]

    assert bars("four quarters") == [(0, 16, 16), (16, 32, 16), (32, 40, 8)]
    assert bars("a pickup") == [(0, 4, 16), (4, 20, 16), (20, 36, 16), (36, 40, 4)]
    assert bars("a short bar within") == [(0, 16, 16), (16, 22, 6), (22, 38, 16)]
    unknown = random_score(6, steps_per_quarter=1, positions=np.zeros(6)).bars()
    assert [tuple(bar) for bar in unknown] == [(0, 4, 4), (4, 6, 2)]
    assert random_score(8).sliced(8).bars() == []
    lengths = {16: (4, 4), 12: (3, 4), 6: (3, 8), 2: (1, 8), 1: (1, 16), 24: (6, 4)}
    assert {length: time_signature(length, 4) for length in lengths} == lengths


def test_fingerprints_are_those_of_the_pitches_up_to_transposition():
    score = random_score()
    assert score.fingerprint() == score.transposed(-4).fingerprint()
    assert score.fingerprint() == struck(score.pitches).fingerprint()
    assert score.fingerprint() != random_score(seed=1).fingerprint()
    assert score.fingerprint() != score.sliced(0, 39).fingerprint()
    rests = score_of("C4 C4"), score_of("C4 -")
    assert rests[0].fingerprint() != rests[1].fingerprint()


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


def counted(*chords):
    """Of a piece: fifths, octaves and crossings as numbers, not as rates over all pieces."""
    found = statistics([score_of(*chords)] * 3)
    assert (found["pieces"], found["chords"] % 3, found["notes"] % 3) == (3, 0, 0)
    changes = found["chords"] - found["pieces"]
    return (
        round(found["parallel_fifths_per_100_changes"] * changes / 300),
        round(found["parallel_octaves_per_100_changes"] * changes / 300),
        round(found["crossings_per_100_chords"] * found["chords"] / 300),
    )


@pytest.mark.parametrize(
    ("chords", "faults"),
    [
        (("E5 C5 G4 C3", "D5 B4 G4 G3", "C5 C5 G4 E3"), (0, 0, 0)),  # a clean cadence
        # C-G to D-A between tenor and bass; the others stand still.
        (("C5 E4 G3 C3", "C5 E4 A3 D3"), (1, 0, 0)),
        (("C5 E4 G4 C3", "C5 E4 A4 D3"), (1, 0, 2)),  # a twelfth; the tenor above the alto
        (("C5 E4 C4 C3", "C5 E4 D4 D3"), (0, 1, 0)),
        (("C5 E4 C3 C3", "C5 E4 D3 D3"), (0, 1, 0)),  # unisons
        (("C5 E4 C4 C3", "C5 E4 G3 G3"), (0, 0, 0)),  # to a unison by contrary motion
        (("C5 E4 G3 C3", "C5 E4 G3 C3"), (0, 0, 0)),  # nothing moves
        (("C5 E4 G3 C3", "C5 E4 B3 E3", "C5 E4 A3 D3"), (2, 0, 0)),
        (("C5 E4 F#3 C3", "C5 E4 A3 D3"), (0, 0, 0)),  # from a diminished fifth
        (("C5 E4 - C3", "C5 E4 A3 D3"), (0, 0, 0)),  # from a rest
        # Everything goes up a tone: fifths C-G in alto and bass, octaves in soprano and bass.
        (("C5 G4 E4 C3", "D5 A4 F#4 D3"), (1, 1, 0)),
        (("C4 E4 G3 C3", "C4 E4 G3 C3"), (0, 0, 1)),  # one chord, held
        (("- E4 G3 C3", "C4 - G4 C3"), (0, 0, 0)),  # a rest is below nothing
    ],
)
def test_faults_are_counted(chords, faults):
    assert counted(*chords) == faults


def test_melody_is_measured_between_notes_without_a_rest():
    tune = ("C5", "D5", "D5", "G5", "-", "C5", "B4")
    found = statistics([score_of(*(f"{note} C4 C4 C3" for note in tune))])
    assert found["mean_interval"]["Soprano"] == pytest.approx((2 + 5 + 1) / 3)
    assert found["stepwise"]["Soprano"] == pytest.approx(2 / 3)
    assert found["mean_interval"]["Bass"] == found["stepwise"]["Bass"] == 0
    assert found["repeated_notes"] == pytest.approx((1 + 3 * 6) / (4 + 3 * 6))


def test_notes_out_of_range():
    lowest, highest = zip(*RANGES.values(), strict=True)
    assert statistics([struck([lowest, highest])])["out_of_range"] == 0
    assert statistics([struck([lowest, np.add(highest, 1)])])["out_of_range"] == 0.5
    assert statistics([struck([lowest, np.add(lowest, -1)])])["out_of_range"] == 0.5


def test_it_is_json_of_four_voices_and_nothing_is_none_of_nothing():
    nothing = statistics([])
    assert nothing["chords"] == nothing["out_of_range"] == 0
    assert json.loads(json.dumps(statistics([random_score()]))).keys() == nothing.keys()
    assert statistics([score_of("- - - -")])["repeated_notes"] == 0
    with pytest.raises(ValueError, match="of 4 voices"):
        statistics([random_score(voices=3)])
