"""What a terminal shows: progress for a person, never among the results."""

import io
import sys

import pytest
from support.command_lines import terminal

from zoo.application.command_line.terminal import Output


@pytest.mark.parametrize(("total", "shown"), [(7, "7/7"), (None, "7/?")])
@pytest.mark.parametrize("seen", [False, True])
def test_results_are_counted_for_a_person_whom_they_do_not_reach(monkeypatch, total, shown, seen):
    """While they come, so that the last number is there before all is taken away."""
    with terminal(monkeypatch) as (screen, read):
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setattr(sys, "stdout", screen if seen else io.StringIO())
        assert list(Output(False).track((letter for letter in "abcdefg"), total)) == list("abcdefg")
        text = read()
    assert (shown in text) if not seen else text == ""


def test_a_result_for_a_program_is_printed_for_nobody_else(capsys):
    for as_json in (True, False):
        output = Output(as_json, ["seed"])
        assert list(output.track(iter("abc"))) == list("abc")  # counted where nobody looks: not
        output.line("a line")
        output.note("a note")
        output.console.print("[bold]:smile: words")
        expected = ["a line\n[bold]:smile: words\n", "a note\n"]
        if as_json:
            expected = ["", "a note\n[bold]:smile: words\n"]
        assert [*capsys.readouterr()] == expected
