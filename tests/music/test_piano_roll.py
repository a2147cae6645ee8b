"""Scores as pictures: small files that show each voice in its colour."""

import numpy as np
import pytest
from matplotlib.image import imread
from support.score_examples import random_score, score_of

from zoo.music.piano_roll import draw

RED, BLUE = (0.757, 0.267, 0.235), (0.165, 0.435, 0.592)  # of the highest and lowest voice


def share(path, colour):
    """The share of the pixels of a colour, whatever it is mixed with white to."""
    pixels = imread(path)[..., :3]
    mixed = 0.85 * np.array(colour) + 0.15
    return (np.abs(pixels - mixed).max(axis=-1) < 0.03).mean()


@pytest.mark.parametrize("steps", [1, 2000])
def test_files_are_small(tmp_path, steps):
    draw(random_score(steps), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 60_000


def test_voices_have_colours_and_longer_notes_more_of_them(tmp_path):
    draw(score_of("C5 C5 C5 C3", *["C5 - - -"] * 15), tmp_path / "a.png")
    red, blue = share(tmp_path / "a.png", RED), share(tmp_path / "a.png", BLUE)
    assert red > 5 * blue > 0


def test_other_scores(tmp_path):
    scores = (score_of("-", "-"), score_of("C4"), random_score(key=None), random_score(9).sliced(9))
    for number, score in enumerate(scores):
        draw(score, tmp_path / f"{number}.png")
        assert imread(tmp_path / f"{number}.png").ndim == 3
