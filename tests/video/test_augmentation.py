"""Clips turned, stretched, shifted and of another tempo."""

import numpy as np
import pytest
import tensorflow as tf
from support.clips import numbered

from zoo.video import draw
from zoo.video.augmentation import moved, transformed

PATHS = np.random.default_rng(0).uniform(0.35, 0.65, (3, 5, 2)).astype("float32")
LENGTHS = [5, 5, 5]


def by_hand(path, angle, scales, shifts):
    """The path of a clip that is transformed; y before x in scales and shifts."""
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return ((path - 0.5) * scales[::-1]) @ turn + 0.5 + shifts[::-1]


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_a_clip_is_that_of_the_path_that_is_transformed(kind):
    angles = np.array([0.5, -0.2, 0], "float32")
    scales = np.array([[1, 1.2, 0.8], [1, 0.9, 1.1]], "float32")
    shifts = np.array([[0, 0.1, -0.2], [0, -0.05, 0.1]], "float32")
    found = transformed(draw(PATHS, 65, spread=0.05).astype(kind), angles, scales, shifts)
    assert (found.shape, found.dtype.name) == ((3, 5, 65, 65, 1), kind)
    grid = np.linspace(0, 1, 65)
    for clip in range(3):
        expected = by_hand(PATHS[clip], angles[clip], scales[:, clip], shifts[:, clip])
        light = found.numpy()[clip, ..., 0].astype(float)
        for axis, over in ((0, 1), (1, 2)):  # x is along columns
            profile = light.sum(axis=over)
            middle = (profile * grid).sum(-1) / profile.sum(-1)
            np.testing.assert_allclose(middle, expected[:, axis], atol=0.005)


def test_nothing_moves_by_nothing_and_the_same_by_the_same_seed():
    frames = draw(PATHS, 24)
    still = moved(frames, LENGTHS, (0, 1), turn=0, scale=0, shift=0, tempo=0)
    np.testing.assert_array_equal(still, frames)
    one, same, other = (moved(frames, LENGTHS, seed).numpy() for seed in ((3, 4), (3, 4), (3, 5)))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert (one[0] != frames[0]).any()
    graph = tf.function(moved)(tf.constant(frames), tf.constant(LENGTHS), tf.constant([3, 4]))
    np.testing.assert_array_equal(graph, one)


def test_the_tempo_changes_and_what_is_beyond_the_length_stays():
    clip = numbered(20, size=2)
    lengths = [20, 12, 1, 0]
    found = moved([clip] * 4, lengths, (0, 0), turn=0, scale=0, shift=0, tempo=0.5)
    for row, length in zip(found.numpy()[..., 0, 0, 0] // 10, lengths, strict=True):
        assert row[length:].tolist() == [*range(length, 20)]
        assert (np.diff(row[:length].astype(int)) >= 0).all()
        assert row[: length and 1].tolist() == [0][:length]
        if length > 1:
            assert row[length - 1] == length - 1
            assert row[:length].tolist() != [*range(length)]
