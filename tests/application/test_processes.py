"""The command line in processes of its own: Control-C and resuming, pipes, and silence."""

import re
import shlex
import signal
import subprocess
import sys

from support.command_lines import ROOT, clean_environment
from support.review_texts import TINY


def test_control_c_keeps_the_last_epoch_and_says_how_to_go_on(data, tmp_path):
    """That a resumed run ends as an unbroken one is told apart, of every task."""
    out = tmp_path / "my model"
    words = ("--data", data, "--out", out, *TINY)
    process = subprocess.Popen(
        [sys.executable, "-m", "tasks.sentiment", *map(str, words)],
        cwd=ROOT,
        env=clean_environment(),
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

    *words, folder = shlex.split(command)
    assert " ".join(words) == "python -m tasks.sentiment train --resume --out"
    assert (ROOT / folder).samefile(out)


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
