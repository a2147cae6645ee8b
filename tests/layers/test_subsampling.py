"""Fewer steps: what each holds, by NumPy; the rest is in `test_every_layer`."""

import numpy as np
import pytest
from support.sequences import randomize

from zoo.layers import Subsampling

X = np.random.default_rng(0).normal(size=(3, 7, 2)).astype("float32")
MASK = np.arange(7) < np.array([7, 4, 0])[:, None]


@pytest.mark.parametrize("factor", [1, 2, 3, 9])
@pytest.mark.parametrize("kind", ["stack", "convolution"])
def test_a_step_is_of_the_frames_of_the_formula(kind, factor):
    layer = Subsampling(factor, kind, 4)
    layer(X)
    randomize(layer)
    found = np.array(layer(X, mask=MASK))
    assert found.shape == (3, -(-7 // factor), 2 * factor if kind == "stack" else 4)
    for row, frames, mask in zip(found, X, MASK, strict=True):
        at = lambda t: frames[t] * mask[t] if 0 <= t < 7 else np.zeros(2)  # noqa: B023, E731
        for j, step in enumerate(row):
            if kind == "stack":
                expected = np.concatenate([at(j * factor + k) for k in range(factor)])
            else:
                kernel, bias = map(np.array, layer.convolution.weights)
                near = range(-factor, factor + 1)
                total = sum(at(j * factor + k) @ kernel[k + factor] for k in near) + bias
                expected = np.maximum(total, 0)
            np.testing.assert_allclose(step, expected, atol=1e-5)


def test_wrong_arguments():
    for wrong in ({"factor": 0}, {"kind": "mean"}, {"kind": "convolution"}):
        with pytest.raises(ValueError, match=r"must be|needs"):
            Subsampling(**wrong)
