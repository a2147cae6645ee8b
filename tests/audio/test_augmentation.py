"""Augmentation: masks of the sizes that were asked for, and recordings at another speed."""

import numpy as np
import pytest
import tensorflow as tf
from support.recordings import tone

from zoo.audio.augmentation import masked, speed

LENGTHS = np.tile([100, 50, 4, 0], 50)
ONES = np.ones((len(LENGTHS), 100, 13), "float32")


def stretches(hidden):
    """The lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], hidden, [0]])))
    return edges[1::2] - edges[::2]


def test_one_mask_has_any_size_up_to_the_most_and_lies_anywhere():
    found = masked(ONES, LENGTHS, (1, 2), time_masks=1, feature_masks=0, longest=15, most=0.2)
    hidden = found.numpy()[..., 0] == 0
    sizes = {length: set() for length in (100, 50, 4, 0)}
    for row, length in zip(hidden, LENGTHS, strict=True):
        assert not row[length:].any()
        sizes[length].add(row.sum())
        assert len(stretches(row)) <= 1
    assert sizes[100] >= {0, 15}
    assert max(sizes[100]) == 15
    assert max(sizes[50]) == 10
    assert sizes[4] == sizes[0] == {0}
    assert hidden[LENGTHS == 100].any(axis=0).mean() > 0.9
    found = masked(ONES, LENGTHS, (1, 2), time_masks=0, feature_masks=1, widest=4)
    hidden = found.numpy()[:, 0] == 0
    assert {row.sum() for row in hidden} == {0, 1, 2, 3, 4}
    assert hidden.any(axis=0).all()


def test_a_seed_masks_the_same_in_a_graph_too():
    found = masked(ONES, LENGTHS, (1, 2)).numpy()
    assert (tf.function(masked)(ONES, LENGTHS, tf.constant((1, 2))).numpy() == found).all()
    assert (masked(ONES, LENGTHS, (1, 3)).numpy() != found).any()


@pytest.mark.parametrize("factor", [0.5, 0.9, 1, 1.1, 2])
def test_a_tone_at_another_speed_is_higher_and_as_loud(factor):
    found = speed(tone(1, 8_000, 400), factor)
    assert (found.dtype, len(found)) == ("float32", round(8_000 / factor))
    expected = tone(1 / factor, 8_000, 400 * 8_000 / len(found))
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_what_would_be_above_half_the_rate_is_left_out():
    assert np.abs(speed(tone(1, 8_000, 3_000), 2)).max() < 0.01


def test_speed_of_nothing_and_no_speed():
    assert len(speed(np.zeros(0), 1.1)) == len(speed(np.zeros(1), 9)) == 0
    for factor in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="factor"):
            speed(tone(), factor)
