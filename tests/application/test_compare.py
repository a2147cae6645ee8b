"""`compare`: one network per cell, all of one size, kept and taken up again."""

import json

import pytest
from support.command_lines import assert_refused, contents
from support.language_modelling import TINY, call, write_text

import zoo
from tasks.language_model import LanguageModelling
from zoo.application import workflow

PARAMETERS = 3000
OPTIONS = (
    *(option for option in TINY if not option.startswith("--units")),
    "--epochs=1",
    f"--parameters={PARAMETERS}",
)


def compared(capfd, folder, *cells):
    cells = [f"--cells={cell}" for cell in cells]
    data = folder.parent / "mine.txt"
    result = call(capfd, "compare", *cells, "--data", data, "--out", folder, *OPTIONS, "--json")
    assert result.code == 0, result
    (line,) = result.out.splitlines()
    return json.loads(line), result.err


def test_compare(capfd, tmp_path, monkeypatch):
    write_text(tmp_path / "mine.txt")
    out = tmp_path / "results"
    results, shown = compared(capfd, out, "rnn", "gru")
    rows = results["rows"]
    assert [row["cell"] for row in rows] == ["rnn", "gru"]
    assert rows[0]["units"] > rows[1]["units"]
    for row in rows:
        assert row["parameters"] == pytest.approx(PARAMETERS, rel=0.05)
        folder = out / row["cell"]
        metrics = json.loads((folder / "metrics.json").read_text())
        for name in LanguageModelling.compared:
            assert row[name] == metrics[name]
        assert zoo.load(folder).model.count_params() == row["parameters"]
    assert len({row["tokens"] for row in rows}) == 1
    assert json.loads((out / "comparison.json").read_text()) == results
    table = (out / "comparison.md").read_text()
    assert table == results["table"] + "\n"
    header, rule, *lines = table.splitlines()
    assert header.split(" | ")[0] == "| cell"
    assert rule == "|" + "---|" * (header.count(" | ") + 1)
    assert [line.split(" | ")[0] for line in lines] == ["| rnn", "| gru"]
    assert table in shown

    # What is there is not trained again, and what is not there is.
    trained = []
    train = workflow.train

    def counted(task, settings, given, console):
        trained.append((settings.cell, settings.resume))
        return train(task, settings, given, console)

    monkeypatch.setattr(workflow, "train", counted)
    again, _ = compared(capfd, out, "rnn", "gru")
    assert (trained, again) == ([], results)
    (out / "gru" / "config.json").unlink()  # as if it had been broken off while it was tested
    resumed, _ = compared(capfd, out, "rnn", "gru")
    assert trained == [("gru", True)]
    for row, other in zip(resumed["rows"], rows, strict=True):
        assert row["perplexity"] == pytest.approx(other["perplexity"], rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("--parameters=3000", "Missing option '--out'"),
        ("--out=x", "Missing option '--parameters'"),
        ("--parameters=3000 --out=x --cells=elman", "'--cells': 'elman' is not one of"),
        ("--parameters=9 --out=x", "'--parameters': 9 is not in the range x>=1000"),
        ("--parameters=3000 --out=x --units=4", "No such option '--units'"),
        ("--parameters=3000 --out=file --data=mine.txt", "file cannot be made"),
        ("--parameters=3000 --out=x --data=missing", "no such file"),
    ],
)
def test_refused(arguments, problem, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path / "mine.txt")
    (tmp_path / "file").write_text("mine")
    before = contents(tmp_path)
    assert_refused(call(capfd, "compare", *arguments.split()), problem)
    assert contents(tmp_path) == before
    assert not (tmp_path / "x").exists()


def test_too_few_parameters(capfd, tmp_path):
    """The vectors and the logits alone have more: no number of units comes near."""
    data = write_text(tmp_path / "mine.txt")
    options = ("--parameters=1000", "--cells=rnn", "--embedding-dim=100", "--epochs=1")
    result = call(capfd, "compare", "--data", data, "--out", tmp_path / "out", *options)
    assert_refused(result, "--parameters", "rnn")
    assert not (tmp_path / "out").exists()
