"""The other backends of Keras, each in a process of its own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backend(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    process = subprocess.run(
        [sys.executable, SUPPORT / "backend_script.py", tmp_path],
        capture_output=True,
        text=True,
        env=os.environ
        | {"KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(map(str, SUPPORT.parents[:2]))},
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.split() == [backend]
