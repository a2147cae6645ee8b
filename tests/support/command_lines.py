"""The command line of the sentiment task, in this process and in fresh ones."""

import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tasks.sentiment import Sentiment
from zoo.application.command_line.commands import commands, execute

ROOT = Path(__file__).resolve().parents[2]

# A network and a training as small as can be; adversarial training would take twice as long.
TINY = (
    "--units=3",
    "--embedding-dim=4",
    "--batch-size=8",
    "--epochs=2",
    "--learning-rate=0.05",
    "--adversarial=0",
)

_WORDS = {
    "neg": ("bad", "awful", "dull", "poor"),
    "pos": ("good", "great", "fine", "moving"),
    "none": ("long", "French", "recent", "silent"),
}
_AROUND = ("the", "film", "was", "a", "story", "and", "it", "plot", ",", ".")


@dataclass(frozen=True)
class Result:
    """What a command line returned and printed."""

    code: int
    out: str
    err: str


def execute_sentiment(*arguments):
    """Runs the command line in this process; returns the exit code."""
    return execute(commands(Sentiment()), "python -m tasks.sentiment", [*map(str, arguments)])


def call(capfd, *arguments):
    """Runs the command line in this process."""
    capfd.readouterr()
    code = execute_sentiment(*arguments)
    return Result(code, *capfd.readouterr())


def run(*arguments, module="tasks.sentiment", stdin=b"", **environment):
    """Runs the command line in a fresh process, from the root of the repository."""
    process = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=clean_environment(**environment),
        input=stdin,
        capture_output=True,
        check=False,
    )
    return Result(process.returncode, process.stdout.decode(), process.stderr.decode())


def clean_environment(**changes):
    """The environment of a user: without what keeps TensorFlow quiet in tests, or sets up pip."""
    ours = ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS", "KERAS_BACKEND")
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith("PIP_")
    }
    return inherited | {"PIP_CONFIG_FILE": os.devnull} | changes


def assert_refused(result, *parts):
    """One line on standard error that has these parts, and nothing else."""
    assert result.code == 2, result
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert result.err.endswith("\n")
    for part in parts:
        assert str(part) in result.err


def contents(folder):
    """All files of a folder and what is in them."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def reviews(rows=60, labels=("neg", "pos")):
    """(text, label) pairs whose label shows in every other word or so."""
    draw = random.Random(1)
    pairs = []
    for i in range(rows):
        label = labels[i % len(labels)]
        words = draw.choices(_WORDS[label], k=2) + draw.choices(_AROUND, k=draw.randint(1, 5))
        draw.shuffle(words)
        pairs.append((" ".join(words), label))
    return pairs


def write_reviews(path, **options):
    """Writes `reviews` as TSV; returns the path."""
    lines = [f"{text}\t{label}\n" for text, label in reviews(**options)]
    path.write_text("text\tlabel\n" + "".join(lines), encoding="utf-8")
    return path
