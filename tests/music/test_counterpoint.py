"""Statistics of four-part writing, on progressions whose faults are known."""

import json

import numpy as np
import pytest
from support.score_examples import random_score, score_of, struck

from zoo.music.counterpoint import RANGES, statistics


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
