"""What may be drawn from logits, and the draw."""

import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from keras import ops
from support.step_models import kept

from zoo.generation import draw, permitted, truncated

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
