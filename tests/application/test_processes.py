"""The command line in processes of its own: Control-C and resuming, pipes, and silence."""

import os
import re
import shlex
import signal
import subprocess
import sys

import numpy as np
from support.command_lines import ROOT, clean_environment
from support.task_case import CASES

import zoo

# What the tests' own process has: other kernels would give other numbers.
SAME_KERNELS = {"TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1")}


def test_control_c_and_the_command_that_is_printed(trained_models, sentiment, tmp_path):
    """Broken off in a process, resumed in this one, it ends as the run that nobody broke off."""
    trained, out = trained_models("sentiment"), tmp_path / "my model"
    words = (*trained.given, "--out", out, *CASES["sentiment"].tiny)
    process = subprocess.Popen(
        [sys.executable, "-m", "tasks.sentiment", *map(str, words)],
        cwd=ROOT,
        env=clean_environment(**SAME_KERNELS),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in its background with Control-C ignored, these tests perhaps.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    shown = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate()
    assert process.returncode == 130, rest
    assert shown.startswith("epoch 1/15 ")
    assert "Traceback" not in rest
    *_, said, command = rest.splitlines()
    kept = int(re.fullmatch(r"interrupted: (\d+) finished epoch\(s\) are kept.*", said).group(1))
    assert 1 <= kept < 15
    assert {path.name for path in out.iterdir()} == {"run"}

    python, m, module, *words = shlex.split(command)
    assert (python, m, module) == ("python", "-m", "tasks.sentiment")
    resumed = sentiment(*words)
    assert resumed.code == 0, resumed
    assert resumed.err.startswith(f"epoch {kept + 1}/15 ")
    weights = [zoo.load(folder).model.get_weights() for folder in (out, trained.model)]
    for weight, unbroken in zip(*weights, strict=True):
        np.testing.assert_allclose(weight, unbroken, rtol=1e-4, atol=1e-5)


def test_a_reader_that_has_seen_enough(trained_models):
    """`... | head -1`: what is left is not printed, and nothing is said about it."""
    model = trained_models("sentiment").model
    arguments = [sys.executable, "-m", "tasks.sentiment", "predict", "--model", model, "-"]
    command = f"yes güt | head -3000 | {shlex.join(map(str, arguments))} | head -1"
    piped = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, env=clean_environment(), capture_output=True, text=True
    )
    assert piped.stderr == ""
    assert piped.stdout.endswith("  güt\n")
    assert piped.stdout.count("\n") == 1
