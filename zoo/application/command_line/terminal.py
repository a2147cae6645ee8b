"""What verbs read from and print to a terminal, and how they reach what needs TensorFlow."""

import json
import os
import sys

import click
from rich import progress
from rich.console import Console

from zoo.application.command_line import options
from zoo.errors import UserError
from zoo.serving.export.silence import silence_stderr


def import_workflow():
    """Imports `zoo.application.workflow`, which loads TensorFlow, quietly."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silence_stderr():
        from zoo.application import workflow
    return workflow


def command(name, callback, parameters, help_text):
    """A verb, a `click.Command`."""
    return click.Command(
        name,
        callback=callback,
        params=parameters,
        help=help_text,
        context_settings={"help_option_names": options.HELP},
    )


def read_inputs(arguments):
    """The inputs of a command: its arguments, or for `-` the lines of standard input.

    Args:
        arguments: tuple of strings.

    Returns:
        Iterable of strings; lines are read as they are asked for.

    Raises:
        UserError: they are not UTF-8.
    """
    if arguments == ("-",):
        return _lines_of_standard_input()
    _require_utf8(arguments)
    return arguments


def _lines_of_standard_input():
    stream = click.get_text_stream("stdin", encoding="utf-8", errors="strict")
    try:
        for line in stream:
            yield line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UserError(
            f"standard input is not UTF-8 ({error.reason}): convert it, with `iconv` for example"
        ) from error


def _require_utf8(inputs):
    for number, text in enumerate(inputs, 1):
        try:
            text.encode()
        except UnicodeEncodeError as error:  # how Python passes on other bytes
            raise UserError(f"input {number} is not UTF-8: convert it") from error


def console(as_json):
    """Where a person reads: standard output, unless that is for JSON. Plain text, never wrapped."""
    return Console(stderr=as_json, markup=False, emoji=False, highlight=False, soft_wrap=True)


def with_progress(results, total=None):
    """Results as they come, counted on standard error for a person whom they do not reach.

    They are counted if standard error is a terminal and standard output is not.

    Args:
        results: iterable.
        total: how many there will be, or None if that is not known.

    Returns:
        Iterator of the results.
    """
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


def print_json(result):
    """Prints a result as one line of JSON."""
    click.echo(json.dumps(result, ensure_ascii=False))
