"""What verbs read from and print to a terminal, and how they reach what needs TensorFlow."""

import json
import os

import click
from rich.console import Console

from zoo import notices, options
from zoo.errors import UserError


def import_workflow():
    """Imports `zoo.workflow`, which loads TensorFlow, quietly."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with notices.held_back():
        from zoo import workflow
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


def print_json(result):
    """Prints a result as one line of JSON."""
    click.echo(json.dumps(result, ensure_ascii=False))
