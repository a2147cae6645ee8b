"""The same numbers on JAX and on PyTorch as on TensorFlow."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from support import backend_numbers
from support.processes import run_script

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def on_tensorflow():
    return backend_numbers.numbers()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_same_numbers_on_every_backend(backend, on_tensorflow, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path = tmp_path / "numbers.npz"
    # JAX: compiling quickly matters more here than running quickly.
    environment = {"KERAS_BACKEND": backend, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    run_script(SUPPORT / "backend_numbers.py", path, **environment)
    with np.load(path) as numbers:
        assert set(numbers) == set(on_tensorflow)
        for name, expected in on_tensorflow.items():
            np.testing.assert_allclose(numbers[name], expected, atol=1e-5, rtol=1e-5, err_msg=name)
