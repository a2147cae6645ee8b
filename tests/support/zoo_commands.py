"""The verbs of `python -m zoo`, in this process."""

import socket

from zoo import __main__ as zoo_command
from zoo.application.command_line.commands import execute


def free_ports():
    with socket.socket() as first, socket.socket() as second:
        for one in (first, second):
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in (first, second)]


def run(*arguments):
    """The exit code of the command line, in this process."""
    return execute(zoo_command.listing, "python -m zoo", [*map(str, arguments)])


def refusal(capsys, *arguments):
    """The one line with which the command line refuses to work."""
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err
