"""The command line in processes of its own: Control-C and resuming, pipes, and silence."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_lines import ROOT, TINY, clean_environment, execute_sentiment, run

import zoo

LONG = (*TINY, "--epochs=15", "--patience=15", "--dropout=0.3", "--clip-order=1")
# What the tests' own process has: other kernels would give other numbers.
SAME_KERNELS = {"TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1")}


@pytest.fixture
def unbroken(data, tmp_path):
    folder = tmp_path / "unbroken"
    assert execute_sentiment("--data", data, "--out", folder, *LONG) == 0
    return folder


def test_control_c_and_the_command_that_is_printed(data, unbroken, tmp_path):
    out = tmp_path / "my model"
    environment = clean_environment(**SAME_KERNELS)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    process = subprocess.Popen(
        [sys.executable, "-m", "tasks.sentiment", "--data", data, "--out", out, *LONG],
        cwd=ROOT,
        env=environment,
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

    resumed = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stderr.startswith(f"epoch {kept + 1}/15 ")
    assert_same_results(out, unbroken)


def assert_same_results(one, other):
    metrics, expected = (
        json.loads((folder / "metrics.json").read_text()) for folder in (one, other)
    )
    assert metrics.keys() == expected.keys()
    assert metrics.pop("loss") == pytest.approx(expected.pop("loss"), rel=1e-6)
    assert metrics == expected
    weights = [zoo.load(folder).model.get_weights() for folder in (one, other)]
    for weight, unbroken in zip(*weights, strict=True):
        assert weight == pytest.approx(unbroken, rel=1e-5, abs=1e-6)


def test_a_fresh_process_prints_predictions_and_nothing_else(trained):
    texts = ["good", "", "bad and awful"]
    result = run("predict", "--model", str(trained), "--json", "-", stdin="\n".join(texts).encode())
    assert (result.code, result.err) == (0, "")
    assert result.out.count("\n") == 1
    printed = json.loads(result.out)["predictions"]
    expected = zoo.load(trained).predict(texts)
    assert [p["label"] for p in printed] == [p["label"] for p in expected]
    assert [p["probability"] for p in printed] == pytest.approx(
        [p["probability"] for p in expected], abs=1e-6
    )


def test_reader_that_has_seen_enough(trained):
    """`... | head -1`: what is left is not printed, and nothing is said about it."""
    arguments = [sys.executable, "-m", "tasks.sentiment", "predict", "--model", trained, "-"]
    command = f"yes good | head -3000 | {shlex.join(map(str, arguments))} | head -1"
    piped = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, env=clean_environment(), capture_output=True, text=True
    )
    assert piped.stderr == ""
    assert piped.stdout.endswith("  good\n")
    assert piped.stdout.count("\n") == 1
