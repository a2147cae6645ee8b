"""Music and translations on JAX and PyTorch, as on TensorFlow."""

import importlib.util
import json
from pathlib import Path

import pytest
from support import compose_and_translate
from support.processes import run_script

SCRIPT = Path(__file__).parents[1] / "support" / "compose_and_translate.py"


@pytest.fixture(scope="module")
def on_tensorflow():
    return compose_and_translate.answers()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_same_answers(backend, on_tensorflow, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path = tmp_path / "answers.json"
    environment = {"KERAS_BACKEND": backend, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    run_script(SCRIPT, path, **environment)
    found = json.loads(path.read_text())
    assert found.keys() == on_tensorflow.keys()
    for name, expected in on_tensorflow.items():
        if isinstance(expected, float) or isinstance(expected[0], float):
            assert found[name] == pytest.approx(expected, rel=1e-4, abs=1e-6), name
        else:
            assert found[name] == expected, name
