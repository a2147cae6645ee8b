"""Fresh Python processes, for what one process cannot show."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def start_script(script, *arguments, **environment):
    """The process of a Python file that can import `zoo` and the modules beside this one."""
    inherited = os.environ.get("PYTHONPATH", "")
    paths = os.pathsep.join(filter(None, [str(TESTS.parent), str(TESTS), inherited]))
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": paths} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_script(script, *arguments, **environment):
    """What a Python file prints, run as `start_script` does.

    Raises:
        AssertionError: with the standard error of the process, if it fails.
    """
    process = start_script(script, *arguments, **environment)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out
