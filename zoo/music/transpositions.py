"""Pieces in other keys, to learn from more music than there is."""

from collections.abc import Sequence

import numpy as np

from zoo.music.score import Score


def transpositions(scores: Sequence[Score], most: int) -> list[Score]:
    """Pieces as they are, and transposed by each number of semitones up to `most`, up and down.

    Only what could be sung: a transposed voice stays between the lowest and the highest note that
    the same voice has in any of the pieces.

    All have the same number of voices.
    """
    ranges = np.array([_ranges(score) for score in scores])  # (pieces, 2, voices)
    lowest, highest = ranges[:, 0].min(axis=0), ranges[:, 1].max(axis=0)
    found = []
    for score, (low, high) in zip(scores, ranges, strict=True):
        found += [
            score.transposed(semitones) if semitones else score
            for semitones in range(-most, most + 1)
            if (low + semitones >= lowest).all() and (high + semitones <= highest).all()
        ]
    return found


def _ranges(score: Score) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest pitch of each voice; of a silent one infinities."""
    sounds, pitches = score.pitches > 0, score.pitches.astype(float)
    low = pitches.min(axis=0, initial=np.inf, where=sounds)
    return low, pitches.max(axis=0, initial=-np.inf, where=sounds)
