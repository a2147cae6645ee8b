"""What one process on TensorFlow cannot show: the other backends, and what an import registers."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from support import other_backends
from support.processes import run_script

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def on_tensorflow():
    return other_backends.numbers()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_same_numbers_on_every_backend(backend, on_tensorflow, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    # JAX: compiling quickly matters more here than running quickly.
    environment = {"KERAS_BACKEND": backend, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    run_script(SUPPORT / "other_backends.py", tmp_path, **environment)
    with np.load(tmp_path / "numbers.npz") as numbers:
        assert set(numbers) == set(on_tensorflow)
        for name, expected in on_tensorflow.items():
            np.testing.assert_allclose(numbers[name], expected, atol=1e-5, rtol=1e-5, err_msg=name)


def test_the_layers_bring_all_that_archives_name():
    """All cells and layers, with the networks what is shipped; no import needs matplotlib."""
    run_script(SUPPORT / "load_saved.py")
