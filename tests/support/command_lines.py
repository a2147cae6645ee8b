"""Command lines of tasks, in this process and in fresh ones."""

import contextlib
import json
import os
import pty
import select
from dataclasses import dataclass
from pathlib import Path

from zoo.application.command_line.commands import commands_of, execute
from zoo.application.command_line.parameters import values_of

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Result:
    """What a command line returned and printed."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The JSON object that a successful call printed, and nothing else."""
        assert self.code == 0, self
        (line,) = self.out.splitlines()
        return json.loads(line)


def execute_task(task, *arguments):
    """Runs the command line of a `Task` in this process; returns the exit code."""
    return execute(commands_of(task()), f"python -m tasks.{task.name}", [*map(str, arguments)])


def options_of(task, *arguments):
    """What the command line of `train` makes of these words: a `task.options`, not resolved."""
    command = commands_of(task()).commands["train"]
    return values_of(task.options, command.make_context("train", [*map(str, arguments)]).params)


def clean_environment(**changes):
    """The environment of a user: without what keeps TensorFlow quiet in tests, or sets up pip."""
    ours = ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS", "KERAS_BACKEND")
    kept = {n: v for n, v in os.environ.items() if n not in ours and not n.startswith("PIP_")}
    return kept | {"PIP_CONFIG_FILE": os.devnull} | changes


def assert_refused(result, *parts):
    """One line on standard error that has these parts, and nothing else."""
    assert result.code == 2, result
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert result.err.endswith("\n")
    for part in parts:
        assert str(part) in result.err


@contextlib.contextmanager
def terminal(monkeypatch):
    """A terminal with colours: a file to write to, and a function that reads what is shown."""
    reader, writer = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")

    def read():
        screen.flush()
        shown = b""
        while select.select([reader], [], [], 0.2)[0]:
            shown += os.read(reader, 100_000)
        return shown.decode()

    with os.fdopen(writer, "w") as screen:
        yield screen, read
    os.close(reader)


def contents(folder):
    """All files of a folder and what is in them."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
