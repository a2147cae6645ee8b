"""Numbers of a row's seed and of the step."""

import itertools

import numpy as np
import scipy.stats
import tensorflow as tf

from zoo.generation import uniforms
from zoo.generation.random_numbers import BLOCK

SEEDS = np.array([7, 0, -3, 2**62 + 7, 7 + 2**32], "int64")


def test_a_row_does_not_depend_on_the_others():
    together = uniforms(SEEDS, 5, 20).numpy()
    for row, seed in enumerate(SEEDS):
        np.testing.assert_array_equal(uniforms([seed], 5, 20).numpy()[0], together[row])
    np.testing.assert_array_equal(uniforms(SEEDS[::-1], 5, 20).numpy(), together[::-1])


def test_it_does_not_matter_where_a_stream_is_cut():
    whole = uniforms(SEEDS, 0, 3 * BLOCK).numpy()
    for cuts in ([1, 2, 3], [BLOCK - 1], [BLOCK], [BLOCK + 1, 2 * BLOCK], [10]):
        borders = [0, *cuts, 3 * BLOCK]
        pieces = [uniforms(SEEDS, a, b - a) for a, b in itertools.pairwise(borders)]
        np.testing.assert_array_equal(np.concatenate(pieces, axis=1), whole)


def test_the_same_in_a_graph_of_any_size():
    signature = (tf.TensorSpec((None,), tf.int64), *[tf.TensorSpec((), tf.int32)] * 2)

    @tf.function(input_signature=signature)
    def graph(seeds, first_step, steps):
        return uniforms(seeds, first_step, steps)

    for rows, first_step, steps in ((5, 0, 7), (2, BLOCK - 3, BLOCK + 6), (0, 3, 4), (1, 9, 0)):
        result = graph(SEEDS[:rows], first_step, steps)
        assert result.shape == (rows, steps)
        assert result.dtype == tf.float32
        np.testing.assert_array_equal(result, uniforms(SEEDS[:rows], first_step, steps))
    of_known_width = tf.function(lambda seeds: uniforms(seeds, 0, 12))
    of_known_width = of_known_width.get_concrete_function(tf.TensorSpec((None,), tf.int64))
    assert of_known_width.output_shapes == (None, 12)


def test_uniform_and_independent():
    numbers = uniforms(np.arange(2000), 0, BLOCK + 6).numpy().astype("float64")
    assert numbers.min() >= 0
    assert numbers.max() < 1
    np.testing.assert_array_equal(numbers * 2**23, np.round(numbers * 2**23))
    assert scipy.stats.kstest(numbers.ravel(), "uniform").pvalue > 1e-3
    neighbours = {
        "steps": (numbers[:, :-1], numbers[:, 1:]),
        "blocks": (numbers[:, :6], numbers[:, BLOCK:]),
        "seeds": (numbers[:-1], numbers[1:]),
    }
    for name, (one, other) in neighbours.items():
        squares, *_ = np.histogram2d(one.ravel(), other.ravel(), bins=8, range=[[0, 1]] * 2)
        assert scipy.stats.chisquare(squares.ravel()).pvalue > 1e-3, name


def test_seeds_count_with_all_their_bits():
    assert len(np.unique(uniforms(SEEDS, 0, 1))) == len(SEEDS)
