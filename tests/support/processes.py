"""Fresh Python processes, for what one process cannot show."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def run_script(script, *arguments, **environment):
    """What a Python file prints, that can import `zoo` and the modules beside this one.

    Raises:
        AssertionError: with the standard error of the process, if it fails.
    """
    inherited = os.environ.get("PYTHONPATH", "")
    paths = os.pathsep.join(filter(None, [str(TESTS.parent), str(TESTS), inherited]))
    result = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": paths} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
