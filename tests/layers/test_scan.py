"""The loop that stops early; `tests/generation` has it on the other backends.

As a loop of all steps it is tested by what is built on it.
"""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from zoo.layers.scan import scan

X = np.array([[3.0, 1.0], [1.0, 1.0], [2.0, 5.0], [4.0, 0.0]], "float32")
LIMITS = (-1.0, 6.0, 10.0, 99.0)  # stops after the first step, between, after the last, never


def expected(limit, reverse):
    """Running sums over time until one reaches the limit, in plain Python."""
    total, sums, ran = np.zeros_like(X[0]), np.zeros_like(X), np.zeros(len(X), bool)
    for t in reversed(range(len(X))) if reverse else range(len(X)):
        total = total + X[t]
        sums[t], ran[t] = total, True
        if total.max() >= limit:
            break
    return total, (sums, np.where(ran[:, None], X, 0)), ran.sum()


@pytest.mark.parametrize("signature", [None, (None, 2), (4, 2)], ids=str)
@pytest.mark.parametrize("reverse", [False, True])
def test_until(reverse, signature):
    calls = tf.Variable(0)

    def run(x, limit):
        def step(carry, slices):
            calls.assign_add(1)
            total = carry[0] + slices[0]
            return (total,), (total, ops.cast(slices[0], "int32"))

        def until(carry):
            return ops.max(carry[0]) >= limit

        return scan(step, (ops.zeros_like(x[0]),), (x,), reverse, until)

    if signature is not None:
        signature = [tf.TensorSpec(signature), tf.TensorSpec(())]
        run = tf.function(run, input_signature=signature, autograph=False)
    for limit in LIMITS:
        calls.assign(0)
        carry, outputs = run(tf.constant(X), tf.constant(limit))
        total, arrays, steps = expected(limit, reverse)
        np.testing.assert_array_equal(carry[0], total)
        for output, array in zip(outputs, arrays, strict=True):
            np.testing.assert_array_equal(output, array)
        assert calls.numpy() == steps
