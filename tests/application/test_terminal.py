"""Progress: counted for a person, and never among the results."""

import io
import os
import pty
import select
import sys

import pytest

from zoo.application.command_line.terminal import Output


@pytest.fixture
def terminal():
    """A terminal: the file that programs write to, and what a person then sees."""
    reader, writer = pty.openpty()

    def seen():
        text = b""
        while select.select([reader], [], [], 0.2)[0]:
            text += os.read(reader, 100_000)
        return text.decode()

    with os.fdopen(writer, "w") as file:
        yield file, seen
    os.close(reader)


@pytest.mark.parametrize(("total", "shown"), [(7, "7/7"), (None, "7/?")])
def test_counted_beside_the_results(terminal, monkeypatch, total, shown):
    """While they come, so that the last number is there before all is taken away."""
    file, seen = terminal
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm")
    for number in Output(False).track((n for n in range(7)), total):
        print(number)
    assert out.getvalue().split() == [str(number) for number in range(7)]
    assert shown in seen()


@pytest.mark.parametrize("where", ["neither", "both"])
def test_silent_where_the_results_are_seen_or_nobody_looks(terminal, monkeypatch, where):
    file, seen = terminal
    monkeypatch.setattr(sys, "stderr", file if where == "both" else io.StringIO())
    monkeypatch.setattr(sys, "stdout", file if where == "both" else io.StringIO())
    assert list(Output(False).track(iter("abc"))) == list("abc")
    sys.stdout.flush()
    assert seen() == ""
    if where == "neither":
        assert sys.stderr.getvalue() == ""


def test_a_result_for_a_program_is_printed_for_nobody_else(capsys):
    for as_json in (True, False):
        output = Output(as_json, ["seed"])
        output.line("a line")
        output.note("a note")
        output.console.print("[bold]:smile: words")
        out, err = capsys.readouterr()
        assert "a note" in err
        assert ("a line" in out) == ("[bold]:smile: words" in out) == (not as_json)
        assert ("[bold]:smile: words" in err) == as_json
        assert (output.json, output.given) == (as_json, {"seed"})
