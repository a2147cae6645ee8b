"""What a terminal shows and sends: progress, Control-C, pipes."""

import io
import json
import re
import shlex
import signal
import subprocess
import sys

import pytest
from support.command_lines import ROOT, clean_environment, terminal
from support.review_texts import TINY, reviews, write_reviews

from tasks.sentiment import Sentiment
from zoo import __main__ as zoo_command
from zoo.application.command_line import terminal as terminal_module
from zoo.application.command_line.commands import execute
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


ESCAPE = "\x1b]0;title\x07\x1b[2J\x9b1A\r"


def test_escapes_of_data_never_reach_a_terminal_or_a_card(call, tmp_path, monkeypatch, capfd):
    """Not from labels, texts, names of files or of models, nor from errors."""
    rows = [(text, f"{label}\x1b[8m\x9b") for text, label in reviews()]
    data = write_reviews(tmp_path / "re\x1b[2Jviews.tsv", rows)
    out = tmp_path / "m\x1bodel"
    trained = call(Sentiment, "--data", data, "--out", out, "--epochs=2", *TINY)
    predicted = call(Sentiment, "predict", "--model", out, f"good {ESCAPE}film")
    as_json = call(Sentiment, "predict", "--model", out, "--json", f"good {ESCAPE}film")
    refused = call(Sentiment, "predict", "--model", f"none{ESCAPE}", "good")
    monkeypatch.setenv("ZOO_MODELS", str(tmp_path))
    execute(zoo_command.listing, "python -m zoo", [])
    listed = capfd.readouterr().out
    assert "model" in listed
    assert [result.code for result in (trained, predicted, as_json, refused)] == [0, 0, 0, 2]
    results = (trained, predicted, as_json, refused)
    texts = [text for result in results for text in (result.out, result.err)]
    for text in (*texts, listed, (out / "README.md").read_text()):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text), repr(text)
    assert json.loads(as_json.out)["predictions"][0]["input"] == f"good {ESCAPE}film"


@pytest.mark.parametrize(
    ("variable", "coloured"), [("NO_COLOR=1", False), ("TERM=dumb", False), ("", True)]
)
def test_colours_where_they_are_wanted(monkeypatch, variable, coloured):
    with terminal(monkeypatch) as (screen, read):
        monkeypatch.delenv("NO_COLOR", raising=False)
        if variable:
            monkeypatch.setenv(*variable.split("="))
        monkeypatch.setattr(sys, "stdout", screen)
        Output(False).line("Ann " + terminal_module.coloured("Lee\x1b[2J", "red"))
        assert ("\x1b[31m" in (text := read())) == coloured
        assert "Lee\ufffd[2J" in text


def test_a_terminal_gets_short_lines_and_something_to_read_at_once(monkeypatch, trained_models):
    model = trained_models("sentiment").model
    with terminal(monkeypatch) as (screen, read):
        words = [sys.executable, "-m", "tasks.sentiment", "evaluate", "--model", str(model)]
        with subprocess.Popen(words, cwd=ROOT, env=clean_environment(COLUMNS="80"), stderr=screen):
            pass
        lines = read().splitlines()
    assert lines[0] == "loading TensorFlow ..."
    assert "reading the data" in " ".join(lines)
    assert max(map(len, lines)) <= 80


def test_control_c_keeps_the_last_epoch_and_says_how_to_go_on(data, tmp_path):
    """That a resumed run ends as an unbroken one is told apart, of every task."""
    out = tmp_path / "my model"
    words = ("--data", data, "--out", out, *TINY)
    process = subprocess.Popen(
        [sys.executable, "-m", "tasks.sentiment", *map(str, words)],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in its background with Control-C ignored, these tests perhaps.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    shown = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate()
    assert process.returncode == 130, rest
    assert shown.startswith("epoch 1/15 ")
    assert "Traceback" not in rest
    *_, said, command = rest.splitlines()
    kept = int(re.fullmatch(r"interrupted: (\d+) finished epoch\(s\) are kept.*", said).group(1))
    assert 1 <= kept < 15
    assert {path.name for path in out.iterdir()} == {"run"}

    *words, folder = shlex.split(command)
    assert " ".join(words) == "python -m tasks.sentiment train --resume --out"
    assert (ROOT / folder).samefile(out)


def test_a_reader_that_has_seen_enough(trained_models):
    """`... | head -1`: what is left is not printed, and nothing is said about it."""
    model = trained_models("sentiment").model
    arguments = [sys.executable, "-m", "tasks.sentiment", "predict", "--model", model, "-"]
    command = f"yes good | head -3000 | {shlex.join(map(str, arguments))} | head -1"
    piped = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, env=clean_environment(), capture_output=True, text=True
    )
    assert piped.stderr == ""
    assert piped.stdout.endswith("  good\n")
    assert piped.stdout.count("\n") == 1
