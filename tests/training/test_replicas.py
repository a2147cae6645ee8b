"""Training on several replicas is the training on one, only faster."""

import json
from pathlib import Path

from support.processes import run_script

SCRIPT = Path(__file__).parents[1] / "support" / "replicas_script.py"


def test_training_on_two_replicas(tmp_path):
    """The weights and losses are those of one; in mixed precision it learns and can be resumed."""
    run_script(SCRIPT, tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["replicas"] == 2
    assert results["weights"] < 1e-5
    assert results["losses"] < 1e-5
    first, second = results["float16"]
    assert second < first
    assert results["resume"] < 1e-6
