"""`MaskedPooling` against NumPy, row by row over the steps that count."""

import numpy as np
import pytest
import tensorflow as tf
from support.sequences import MASK

from zoo.layers import MaskedPooling

MODES = {"max": np.max, "mean": np.mean, "last": lambda steps, axis: steps[-1]}
WIDTH = 3


def sample(dtype="float32"):
    generator = np.random.default_rng(4)
    # Below zero throughout: a padding of zeros that counted would be the greatest value.
    return generator.uniform(-3, -1, size=(*MASK.shape, WIDTH)).astype(dtype)


def expected(mode, x, mask):
    rows = [
        MODES[mode](steps[counts].astype("float64"), axis=0) if counts.any() else np.zeros(WIDTH)
        for steps, counts in zip(x, mask, strict=True)
    ]
    return np.array(rows)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-6)])
def test_pools_the_steps_that_count(mode, dtype, tolerance):
    x = sample(dtype)
    layer = MaskedPooling(mode, dtype=dtype)
    pooled = layer(x, mask=MASK)
    assert pooled.dtype == dtype
    np.testing.assert_allclose(pooled, expected(mode, x, MASK), rtol=tolerance)
    everything = np.ones_like(MASK)
    np.testing.assert_allclose(layer(x), expected(mode, x, everything), rtol=tolerance)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("mode", MODES)
def test_half_precision_of_long_sequences(mode, dtype):
    """3,000 steps of 30: their sum is beyond float16, their number beyond its integers."""
    x = tf.fill((2, 3000, WIDTH), tf.constant(-30, dtype))
    mask = np.array([[True] * 3000, [False] * 3000])
    pooled = MaskedPooling(mode, dtype=dtype)(x, mask=mask)
    assert pooled.dtype == dtype
    np.testing.assert_array_equal(tf.cast(pooled, "float32"), [[-30] * WIDTH, [0] * WIDTH])
