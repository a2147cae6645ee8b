"""Bigrams of chords: the formula, counted by hand, and a distribution that sums to 1."""

import itertools
import math

import numpy as np
import pytest

from zoo.evaluation.baselines import ChordBigrams

SYMBOLS = 4  # with padding: 1, 2 and 3 are what a voice can have
A, B, C = (1, 2), (2, 2), (3, 1)
PIECES = [np.array([A, B, A, B, C]), np.array([A, A])]


def model_of(discount=0.5):
    start = np.zeros((1, 2), int)
    chords = np.concatenate([part for piece in PIECES for part in (start, piece)])
    return ChordBigrams(chords, SYMBOLS, discount)


def probability(model, before, chord, order=2):
    """P of a chord after another: of a piece of both, less that of the first alone."""
    both = 2 * model.nll_per_step([np.array([before, chord])], order)
    return math.exp(model.nll_per_step([np.array([before])], order) - both)


def test_by_hand():
    model = model_of()
    p0 = (4 + 1) / 10 * (6 + 1) / 10  # of A: 4 of 7 highest voices are 1, and 6 lower ones are 2
    p1 = (4 - 0.5) / 7 + 0.5 * 3 / 7 * p0  # 4 of the 7 chords are A; there are 3 different ones
    after_b = (1 - 0.5) / 2 + 0.5 * 2 / 2 * p1  # B is followed by A and by C
    assert probability(model, B, A, order=1) == pytest.approx(p1)
    assert probability(model, B, A) == pytest.approx(after_b)
    first = (2 - 0.5) / 2 + 0.5 * 1 / 2 * p1  # both pieces begin with A
    assert model.nll_per_step([np.array([A])]) == pytest.approx(-math.log(first))
    assert probability(model, (1, 3), A) == pytest.approx(p1)  # never seen


def test_all_chords_have_probability_one():
    chords, model = [*itertools.product(range(1, SYMBOLS), repeat=2)], model_of(0.7)
    for order, before in itertools.product((1, 2), (A, B, C, (3, 3))):
        total = sum(probability(model, before, chord, order) for chord in chords)
        assert total == pytest.approx(1)


def test_the_best_discount_on_validation():
    fitted = ChordBigrams.fit(PIECES, [np.array([A, B, C, C])], SYMBOLS)
    best = fitted.nll_per_step([np.array([A, B, C, C])])
    for discount in (0.1, 0.3, 0.5, 0.7, 0.9, 0.95):
        assert model_of(discount).nll_per_step([np.array([A, B, C, C])]) >= best - 1e-12
    again = ChordBigrams.fit(PIECES, PIECES, SYMBOLS)  # what was seen needs no smoothing
    assert again.discount == 0.1
