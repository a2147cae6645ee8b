"""What may be drawn from logits, the draw, and the numbers that choose."""

import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from keras import ops
from support.step_models import kept

from zoo.generation import draw, permitted, truncated, uniforms
from zoo.generation.random_numbers import BLOCK

SEEDS = np.array([7, 0, -3, 2**62 + 7, 7 + 2**32], "int64")
LARGEST = np.float32(1 - 2.0**-24)  # below 1 in single precision


def logits(batch=50, vocabulary=12, ties=False):
    values = 2 * np.random.default_rng(3).normal(size=(batch, vocabulary))
    return (np.round(values) if ties else values).astype("float32")


def probabilities(logits):
    return scipy.special.softmax(np.asarray(logits, "float64"), axis=-1)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.5},
        {"top_k": 1},
        {"top_k": 3},
        {"top_k": 40},
        {"top_p": 0.7},
        {"top_p": 0.0},
        {"top_k": 4, "top_p": 0.6, "temperature": 2.0},
        {"temperature": 1.0, "top_k": 0, "top_p": 1.0},
    ],
    ids=str,
)
def test_truncated(settings, ties):
    x = logits(ties=ties)
    expected = [kept(scipy.special.log_softmax(row.astype("float64")), **settings) for row in x]
    for rows in (settings, each_row(settings)):
        np.testing.assert_allclose(probabilities(truncated(x, **rows)), expected, atol=1e-6)


def each_row(settings, rows=50):
    dtypes = {"temperature": "float32", "top_k": "int32", "top_p": "float32"}
    return {name: tf.fill([rows], tf.cast(x, dtypes[name])) for name, x in settings.items()}


def test_no_temperature_leaves_the_most_probable():
    x = logits()
    np.testing.assert_array_equal(
        probabilities(truncated(x, 0)), probabilities(x) == probabilities(x).max(1, keepdims=True)
    )
    equal = np.array([[1.0, 3.0, 3.0, -np.inf]], "float32")
    np.testing.assert_array_equal(probabilities(truncated(equal, 0)), [[0, 0.5, 0.5, 0]])


def test_a_nucleus_of_what_sums_to_it_exactly():
    x = np.zeros((1, 4), "float32")  # quarters, on every processor
    for top_p, number in ((0.2, 1), (0.25, 1), (0.5, 2), (0.6, 3), (0.75, 3), (0.8, 4), (1.0, 4)):
        assert np.isfinite(truncated(x, top_p=top_p)).sum() == number


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_k": -1},
        {"top_k": 2.5},
        {"top_p": -0.1},
        {"top_p": 1.1},
    ],
    ids=str,
)
def test_numbers_out_of_range(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        truncated(logits(), **settings)


def test_what_is_forbidden_leaves_its_probability_to_the_rest():
    x, expected = logits(), probabilities(logits())
    expected[:, [0, 3]] = 0
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities(permitted(x, (0, 3))), expected, atol=1e-6)
    np.testing.assert_array_equal(permitted(x, ()), x)
    for forbidden in ((12,), (-1,), range(12)):
        with pytest.raises(ValueError, match="forbidden"):
            permitted(x, forbidden)


@pytest.mark.parametrize("u", [0.0, 2.0**-24, 0.5, 1 - 2.0**-23, LARGEST, 1.0])
def test_never_a_token_of_no_probability(u):
    generator = np.random.default_rng(5)
    x = 4 * generator.normal(size=(500, 300)).astype("float32")
    x[generator.random(x.shape) < 0.7] = -np.inf
    x[:, [0, 1, -2, -1]] = -np.inf
    chosen = draw(x, np.full(500, u, "float32")).numpy()
    assert np.isfinite(x[np.arange(500), chosen]).all()
    if u == 0:
        np.testing.assert_array_equal(chosen, np.isfinite(x).argmax(axis=1))
    if u >= LARGEST:  # the last that is more than the rounding of the sum
        sums = probabilities(x).cumsum(axis=1)
        assert (sums[np.arange(500), chosen] > 1 - 1e-5).all()


def test_never_either_where_sums_do_not_rise(monkeypatch):
    """As where they are made in parallel, each with a rounding of its own."""
    generator = np.random.default_rng(6)
    x = generator.normal(size=(4000, 40)).astype("float32")
    x[generator.random(x.shape) < 0.7] = -np.inf
    x[:, 3] = 0.0  # one at least
    noise = 1e-3 * generator.normal(size=x.shape).astype("float32")
    cumsum = ops.cumsum
    monkeypatch.setattr(ops, "cumsum", lambda p, axis: cumsum(p, axis=axis) + noise)
    u = np.concatenate([np.full(2000, LARGEST), generator.random(2000).astype("float32")])
    chosen = draw(x, u).numpy()
    assert np.isfinite(x[np.arange(4000), chosen]).all()


def test_where_the_intervals_end():
    x = np.zeros((6, 5), "float32")  # quarters, on every processor
    x[:, 2] = -np.inf
    u = np.array([0, 0.2499, 0.25, 0.4999, 0.5, LARGEST], "float32")
    np.testing.assert_array_equal(draw(x, u), [0, 0, 1, 1, 3, 4])


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
