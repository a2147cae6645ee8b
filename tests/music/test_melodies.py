import numpy as np
import pytest

from zoo.errors import UserError
from zoo.music import KEYS, parse_pitch
from zoo.music.melodies import HIGHEST, LOWEST, parse_melody, scale, traced_melody


def test_notes_and_rests_are_read_with_their_lengths():
    score = parse_melody("C5 C5:1/2 - | d5:1.5, Bb4", 2)
    c, d, b = map(parse_pitch, ("C5", "D5", "Bb4"))
    assert score.pitches[:, 0].tolist() == [c, c, c, 0, 0, d, d, d, b, b]
    assert np.flatnonzero(score.onsets).tolist() == [0, 2, 5, 8]
    assert score.positions.tolist() == [*range(8), 0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    {
        "": "the melody is empty",
        "- rest | -:4": "the melody is empty",
        "H5": "is not the name of a note",
        "C5:": "after the colon",
        "C5:1e9": "after the colon",
        "C5:1/0": "after the colon",
        "C5:0": "lasts whole steps",
        "C5:1/3": "lasts whole steps, of which 4",
    }.items(),
)
def test_what_is_no_melody_is_refused(text, message):
    with pytest.raises(UserError, match=message):
        parse_melody(text, 4)


def test_scales_are_those_of_their_keys():
    assert scale("C major") == scale("A minor") == (0, 2, 4, 5, 7, 9, 11)
    assert scale("G major") == scale("E minor") == (0, 2, 4, 6, 7, 9, 11)
    assert len({scale(key) for key in KEYS}) == 12
    assert scale(None) == tuple(range(12))


def drawn(pitches, quarter=10, row=4):
    """Ink at the height of each pitch, none for a rest."""
    ink = np.zeros((row * (HIGHEST - LOWEST + 1), quarter * len(pitches)), bool)
    for i, pitch in enumerate(pitches):
        if pitch:
            top = row * (HIGHEST - pitch)
            ink[top : top + row, quarter * i : quarter * (i + 1)] = True
    return ink


@pytest.mark.parametrize(
    ("key", "melody"),
    {
        None: "C4 C#4:2 F#5 - A5",
        "C major": "C4 D4:2 G5 - A5:2",
        "F# minor": "F#4 A4:3 - B4 C#5",
    }.items(),
)
def test_a_drawing_of_a_melody_gives_it_back(key, melody):
    pitches = parse_melody(melody, 1).pitches[:, 0].tolist()
    ink = drawn([0, *pitches, 0])  # rests at the ends are none of a melody
    assert traced_melody(ink, len(pitches) + 2, key) == melody


def test_a_line_snaps_to_the_scale():
    height = 220
    ink = np.arange(height)[:, None] == np.linspace(height - 1, 0, 640).astype(int)
    notes = traced_melody(ink, 16, "D major").replace(":", " ").split()
    pitches = [parse_pitch(note) for note in notes if not note.isdigit()]
    assert {pitch % 12 for pitch in pitches} <= {*scale("D major")}
    assert pitches == sorted(pitches)
    assert pitches[0] - LOWEST < 3
    assert HIGHEST - pitches[-1] < 3
    assert traced_melody(np.zeros((8, 8), bool), 4, None) == ""
