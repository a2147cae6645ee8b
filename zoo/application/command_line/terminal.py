"""What verbs read from and print to a terminal."""

import base64
import contextlib
import json
import logging
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Iterator
from typing import Any, TextIO

import click
from rich import progress
from rich.console import Console
from rich.text import Text

from zoo.application import task
from zoo.errors import UserError
from zoo.text.normalization import printable

_STYLES = re.compile(r"(\x1b\[(?:0|1|3[1-6])m)")  # those of `coloured`


class Output(task.Output):
    """The terminal, or the pipe, of a command line."""

    def __init__(self, as_json: bool, given: Collection[str] = ()) -> None:
        self.json = as_json
        self.given = frozenset(given)
        stream = sys.stderr if as_json else sys.stdout
        self.console = Console(
            stderr=as_json,
            markup=False,
            emoji=False,
            highlight=False,
            soft_wrap=not stream.isatty(),  # a terminal gets lines of its width
        )

    def line(self, text: str, end: str = "\n") -> None:
        if not self.json:
            pieces = _STYLES.split(text)  # styles at odd places
            pieces[::2] = map(printable, pieces[::2])
            click.echo("".join(pieces) + end, nl=False, color=_colour())

    def note(self, text: str) -> None:
        say(text)

    def inputs(self, words: tuple[str, ...]) -> Iterable[str]:
        if words == ("-",):
            return _lines_of_standard_input()
        if "-" in words:
            raise UserError("- stands for the lines of standard input: give it alone")
        for number, text in enumerate(words, 1):
            try:
                text.encode()
            except UnicodeEncodeError as error:  # how Python passes on other bytes
                raise UserError(f"input {number} is not UTF-8: convert it") from error
        return words

    def track(self, results: Iterable[Any], total: int | None = None) -> Iterator[Any]:
        bar = progress.Progress(
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,  # the results are for whoever reads them there
            disable=not sys.stderr.isatty() or sys.stdout.isatty(),
        )
        with bar:
            yield from bar.track(results, total=total)

    def counted(self, counts: Iterable[Any], total: int, done: int) -> Iterator[Any]:
        columns = (progress.BarColumn(), progress.MofNCompleteColumn(), _Speed())
        times = (progress.TimeElapsedColumn(), progress.TimeRemainingColumn())
        console = Console(stderr=True)
        with progress.Progress(
            *columns, *times, console=console, disable=not sys.stderr.isatty()
        ) as bar:
            rows = bar.add_task("", total=total, completed=done)
            for one in counts:
                yield one
                bar.advance(rows, one.rows)


class _Speed(progress.ProgressColumn):
    """Rows a second."""

    def render(self, task: progress.Task) -> Text:
        return Text(f"{task.speed:,.0f} rows/s" if task.speed else "")


@contextlib.contextmanager
def shown_log(output: Output) -> Iterator[None]:
    """Context in which what modules of the zoo log, such as files left out, is shown as notes."""
    log, notes = logging.getLogger("zoo"), _Notes(output)
    level = log.level
    log.setLevel(logging.INFO if sys.stderr.isatty() else logging.WARNING)
    log.addHandler(notes)
    try:
        yield
    finally:
        log.removeHandler(notes)
        log.setLevel(level)


class _Notes(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.note(record.getMessage())


def say(text: str) -> None:
    """Prints a line on standard error, folded where that is a terminal."""
    text = printable(text)
    if sys.stderr.isatty():
        width = min(80, shutil.get_terminal_size().columns)
        text = textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
    click.echo(text, err=True)


def say_what_takes_long() -> None:
    """Says, where somebody watches, that TensorFlow is loaded, which takes seconds."""
    if sys.stderr.isatty() and "tensorflow" not in sys.modules:
        say("loading TensorFlow ...")


def coloured(text: str, colour: str) -> str:
    """Bold text in a colour, which `Output.line` leaves out where the terminal has none."""
    return click.style(printable(text), fg=colour, bold=True)


def _colour() -> bool | None:
    """False where the user wants no colours or the terminal has none; None where click decides."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def as_json(result: dict[str, Any]) -> str:
    """A result as one line of JSON, bytes in it as base64."""
    text = json.dumps(
        result,
        ensure_ascii=False,
        default=lambda content: {"b64": base64.b64encode(content).decode("ascii")},
    )
    # JSON escapes control characters itself, but for these.
    return re.sub("[\x7f-\x9f]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _lines_of_standard_input() -> Iterator[str]:
    if sys.stdin is None or sys.stdin.closed:
        raise UserError("there is no standard input: give a file or a pipe")
    stream: TextIO = click.get_text_stream("stdin", encoding="utf-8-sig", errors="strict")  # type: ignore[operator]  # click hides its own hint
    try:
        for line in stream:
            yield line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UserError(
            f"standard input is not UTF-8 ({error.reason}): convert it, with `iconv` for example"
        ) from error
