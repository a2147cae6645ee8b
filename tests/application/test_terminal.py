"""What a terminal shows: progress for a person, never among the results."""

import io
import os
import pty
import select
import sys

import pytest

from zoo.application.command_line.terminal import Output


@pytest.mark.parametrize(("total", "shown"), [(7, "7/7"), (None, "7/?")])
@pytest.mark.parametrize("seen", [False, True])
def test_results_are_counted_for_a_person_whom_they_do_not_reach(monkeypatch, total, shown, seen):
    """While they come, so that the last number is there before all is taken away."""
    reader, writer = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(writer, "w") as terminal:
        out = terminal if seen else io.StringIO()
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setattr(sys, "stdout", out)
        assert list(Output(False).track((letter for letter in "abcdefg"), total)) == list("abcdefg")
        terminal.flush()
        text = b""
        while select.select([reader], [], [], 0.2)[0]:
            text += os.read(reader, 100_000)
    os.close(reader)
    assert (shown in text.decode()) if not seen else text == b""


def test_nothing_is_counted_where_nobody_looks(capsys):
    assert list(Output(False).track(iter("abc"))) == list("abc")
    assert capsys.readouterr() == ("", "")


def test_a_result_for_a_program_is_printed_for_nobody_else(capsys):
    for as_json in (True, False):
        output = Output(as_json, ["seed"])
        output.line("a line")
        output.note("a note")
        output.console.print("[bold]:smile: words")
        out, err = capsys.readouterr()
        assert ("a line" in out) == ("[bold]:smile: words" in out) == (not as_json)
        assert "a note" in err
        assert ("[bold]:smile: words" in err) == as_json
