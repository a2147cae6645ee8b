"""Training on several replicas is the training on one, only faster."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    process = subprocess.run(
        [sys.executable, SUPPORT / "replicas_script.py", tmp_path_factory.mktemp("replicas")],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, SUPPORT.parents[:2]))},
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", ["a part larger", "a part empty"])
def test_two_replicas_give_the_weights_and_losses_of_one(results, case):
    assert results["replicas"] == 2
    assert results[case]["weights"] < 1e-5
    assert results[case]["losses"] < 1e-5


def test_mixed_precision_on_two_replicas(results):
    first, second = results["float16"]
    assert second < first


def test_a_run_in_mixed_precision_on_two_replicas_can_be_resumed(results):
    assert results["resume"] < 1e-6
