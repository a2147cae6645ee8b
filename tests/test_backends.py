"""Layers, networks and generation give the same numbers on JAX and on PyTorch as on TensorFlow."""

import functools
import importlib.util

import numpy as np
import pytest
from support import generation_numbers, network_case, other_backends
from support.processes import run_script

TOLERANCES = {other_backends: 1e-5, network_case: 1e-4, generation_numbers: 1e-5}


@functools.cache
def on_tensorflow(module):
    return module.numbers()


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize(
    "module",
    [
        other_backends,
        pytest.param(network_case, marks=pytest.mark.more),
        pytest.param(generation_numbers, marks=pytest.mark.more),
    ],
    ids=lambda module: module.__name__.split(".")[-1],
)
def test_same_numbers_on_every_backend(module, backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path, tolerance = tmp_path / "numbers.npz", TOLERANCES[module]
    # JAX: compiling quickly matters more here than running quickly.
    environment = {"KERAS_BACKEND": backend, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    run_script(module.__file__, path, **environment)
    with np.load(path) as numbers:
        assert set(numbers) == set(on_tensorflow(module))
        for name, expected in on_tensorflow(module).items():
            if module is generation_numbers:
                assert numbers[name].dtype == expected.dtype, name
            np.testing.assert_allclose(
                numbers[name], expected, atol=tolerance, rtol=tolerance, err_msg=name
            )
