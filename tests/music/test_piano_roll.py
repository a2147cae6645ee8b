"""Scores as pictures: small files that show each voice in its colour."""

import numpy as np
from matplotlib.image import imread
from support.score_examples import random_score, score_of

from zoo.music.piano_roll import draw

RED, BLUE = (0.757, 0.267, 0.235), (0.165, 0.435, 0.592)  # of the highest and lowest voice


def share(path, colour):
    """The share of the pixels of a colour, whatever it is mixed with white to."""
    mixed = 0.85 * np.array(colour) + 0.15
    return (np.abs(imread(path)[..., :3] - mixed).max(axis=-1) < 0.03).mean()


def test_voices_have_colours_and_longer_notes_more_of_them(tmp_path):
    draw(score_of("C5 C5 C5 C3", *["C5 - - -"] * 15), tmp_path / "a.png")
    red, blue = share(tmp_path / "a.png", RED), share(tmp_path / "a.png", BLUE)
    assert red > 5 * blue > 0


def test_any_score_makes_a_small_file(tmp_path):
    for score in (random_score(2000), score_of("-", "-"), random_score(9, key=None).sliced(9)):
        draw(score, tmp_path / "a.png")
        assert imread(tmp_path / "a.png").ndim == 3
        assert (tmp_path / "a.png").stat().st_size < 60_000
