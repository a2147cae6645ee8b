"""`MeanElsewhere` and `TokenKeys` against NumPy, step by step."""

import itertools

import numpy as np
from support.layer_case import CHARACTERS, WORDS

from zoo.layers import MeanElsewhere, TokenKeys
from zoo.text.special_tokens import UNKNOWN_ID


def test_the_mean_of_the_other_steps_with_the_same_key():
    draw = np.random.default_rng(5)
    x = draw.normal(size=(4, 7, 3)).astype("float32")
    keys = draw.integers(-2, 3, size=(4, 7)).astype("int32")
    keys[:, 5:] = 0
    found = np.array(MeanElsewhere()(x, keys))
    shared = 0
    for row, step in itertools.product(range(4), range(7)):
        key = keys[row, step]
        others = [x[row, s] for s in range(7) if s != step and key != 0 and keys[row, s] == key]
        expected = np.mean(others, axis=0) if others else np.zeros(3)
        np.testing.assert_allclose(found[row, step], expected, atol=1e-6)
        shared += len(others) > 1
    assert shared, "or no mean is shown"


def test_known_words_have_their_ids_and_others_a_number_by_their_letters():
    keys = np.array(TokenKeys(9)(*WORDS))
    words, _ = WORDS
    known = words != UNKNOWN_ID
    assert (keys[known] == words[known]).all()
    assert (keys[~known] < 0).all()
    spelt = np.stack(list(itertools.product(range(9), repeat=5))).astype("int32")  # 59,049 words
    found = np.array(TokenKeys(9)(np.ones((1, len(spelt)), "int32"), spelt[None]))[0]
    assert len({*found.tolist()}) == len(spelt)
    again = np.array(TokenKeys(9)(np.full((1, 2), UNKNOWN_ID), CHARACTERS[:1, [0, 0]]))
    assert again[0, 0] == again[0, 1]
