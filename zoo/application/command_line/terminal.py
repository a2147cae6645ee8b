"""What verbs read from and print to a terminal."""

import base64
import json
import logging
import sys
from collections.abc import Collection, Iterable, Iterator
from typing import Any, TextIO

import click
from rich import progress
from rich.console import Console

from zoo.application import task
from zoo.errors import UserError


class Output(task.Output):
    """The terminal, or the pipe, of a command line."""

    def __init__(self, as_json: bool, given: Collection[str] = ()) -> None:
        self.json = as_json
        self.given = frozenset(given)
        self.console = Console(
            stderr=as_json, markup=False, emoji=False, highlight=False, soft_wrap=True
        )

    def line(self, text: str, end: str = "\n") -> None:
        if not self.json:
            click.echo(text + end, nl=False)

    def note(self, text: str) -> None:
        click.echo(text, err=True)

    def inputs(self, words: tuple[str, ...]) -> Iterable[str]:
        if words == ("-",):
            return _lines_of_standard_input()
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


def show_log(output: Output) -> None:
    """Shows what modules of the zoo log, such as files that are left out, as notes."""
    log = logging.getLogger("zoo")
    log.setLevel(logging.INFO)
    log.handlers = [_Notes(output)]


class _Notes(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.note(record.getMessage())


def coloured(text: str, colour: str) -> str:
    """Bold text in a colour, which `Output.line` leaves out where the terminal has none."""
    return click.style(text, fg=colour, bold=True)


def as_json(result: dict[str, Any]) -> str:
    """A result as one line of JSON, bytes in it as base64."""
    return json.dumps(
        result,
        ensure_ascii=False,
        default=lambda content: {"b64": base64.b64encode(content).decode("ascii")},
    )


def _lines_of_standard_input() -> Iterator[str]:
    stream: TextIO = click.get_text_stream("stdin", encoding="utf-8-sig", errors="strict")  # type: ignore[operator]  # click hides its own hint
    try:
        for line in stream:
            yield line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UserError(
            f"standard input is not UTF-8 ({error.reason}): convert it, with `iconv` for example"
        ) from error
