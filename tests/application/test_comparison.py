"""`compare`: one network per cell, all of one size, kept and taken up again."""

import dataclasses
import functools
import json

import pytest
from support.command_lines import assert_refused, contents
from support.language_modelling import TINY, text, write_text

import zoo
from tasks.language_model import LanguageModelling
from zoo.application import comparison, workflow

PARAMETERS = 3000
OPTIONS = (
    *(option for option in TINY if not option.startswith("--units")),
    "--epochs=1",
    f"--parameters={PARAMETERS}",
)


@pytest.fixture
def compare(call, tmp_path):
    write_text(tmp_path / "mine.txt", text())
    return functools.partial(call, LanguageModelling, "compare", "--data", tmp_path / "mine.txt")


def test_networks_of_one_size_in_a_table(compare, tmp_path, monkeypatch):
    """One cell is trained; of what is there already, and then of what is broken off, no more."""
    out, train, trained = tmp_path / "results", workflow.train, []

    def counted(task, options, given, console):
        trained.append((options.cell, options.resume))
        if options.cell == "rnn":
            return train(task, options, given, console)
        metrics = json.loads((out / "rnn" / "metrics.json").read_text())
        (out / options.cell).mkdir(exist_ok=True)
        (out / options.cell / "config.json").write_text("{}")
        metrics |= {"perplexity": 7.0, "settings": dataclasses.asdict(options)}
        (out / options.cell / "metrics.json").write_text(json.dumps(metrics))
        return metrics

    monkeypatch.setattr(workflow, "train", counted)
    words = ("--cells=rnn", "--out", out, *OPTIONS)
    first = compare(*words, "--json").json
    assert zoo.load(out / "rnn").model.count_params() == first["rows"][0]["parameters"]
    result = compare(*words, "--cells=gru", "--cells=rnn", "--json")
    results = result.json
    assert trained == [("rnn", False), ("gru", False)]
    rows = results["rows"]
    assert [row["cell"] for row in rows] == ["rnn", "gru"]
    assert rows[0] == first["rows"][0]
    assert rows[0]["units"] > rows[1]["units"] > 1
    for row in rows:
        metrics = json.loads((out / row["cell"] / "metrics.json").read_text())
        assert metrics["settings"]["units"] == row["units"]
        for name in ("parameters", "epochs", *LanguageModelling.metric.compared):
            assert row[name] == metrics[name]
    assert json.loads((out / "comparison.json").read_text()) == results
    table = (out / "comparison.md").read_text()
    assert table == results["table"] + "\n"
    header, rule, *lines = table.splitlines()
    assert header.split(" | ")[0] == "| cell"
    assert rule == "|" + "---|" * (header.count(" | ") + 1)
    assert [line.split(" | ")[0] for line in lines] == ["| rnn", "| gru"]
    assert table in result.err

    (out / "gru" / "config.json").unlink()
    monkeypatch.setattr(comparison.checkpoints, "load", lambda run: "gru" in str(run) or None)
    assert compare(*words, "--cells=gru", "--json").json == results
    assert trained[2:] == [("gru", True)]


@pytest.mark.parametrize(("cell", "parameters"), [("rnn", 3000), ("lstm", 5000)])
def test_units_that_come_nearest(cell, parameters, tmp_path):
    task = LanguageModelling()
    options = task.options(data=str(write_text(tmp_path / "mine.txt", text())), cell=cell, layers=1)
    options.resolve()
    options.embedding_dim = 5
    data = task.load_data(options)
    units = comparison.units_for(task, data, options, parameters)

    def distance(units):
        model = task.build(data, dataclasses.replace(options, units=units)).model
        return abs(model.count_params() - parameters)

    assert distance(units) <= min(distance(units - 1), distance(units + 1))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--parameters=3000", "Missing option '--out'"),
        ("--out=x", "Missing option '--parameters'"),
        ("--parameters=3000 --out=x --cells=elman", "'--cells': 'elman' is not one of"),
        ("--parameters=9 --out=x", "'--parameters': 9 is not in the range x>=1000"),
        ("--parameters=3000 --out=x --units=4", "No such option '--units'"),
        ("--parameters=3000 --out=file --cells=rnn", "file cannot be made"),
        ("--parameters=3000 --out=x --data=missing", "no such file"),
        ("--parameters=1000 --out=x --cells=rnn --embedding-dim=100", "one unit of rnn has"),
    ],
)
def test_refused(words, problem, compare, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    before = contents(tmp_path)
    assert_refused(compare(*words.split()), problem)
    assert contents(tmp_path) == before
    assert not (tmp_path / "x").exists()
