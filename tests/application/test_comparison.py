"""`compare`: one network per cell, all of one size, kept and taken up again."""

import dataclasses
import functools
import json

import pytest
from support.command_lines import assert_refused, contents
from support.language_modelling import TINY, text, write_text

from tasks.language_model import LanguageModelling, Options
from zoo.application import comparison, workflow

NETWORK = [option for option in TINY if not option.startswith("--units")]


@pytest.fixture
def compare(call, tmp_path):
    write_text(tmp_path / "mine.txt", text())
    return functools.partial(call, LanguageModelling, "compare", "--data", tmp_path / "mine.txt")


def test_networks_of_one_size_in_a_table(compare, tmp_path, monkeypatch):
    """What is there already is kept, and what was broken off is gone on with."""
    out, trained = tmp_path / "results", []
    measured = {"bits_per_token": 2.5, "tokens": 9, "baseline_perplexity": 8.0, "perplexity": 7.0}

    def train(task, options, given, console):
        assert type(options) is Options
        trained.append((options.cell, options.resume))
        model, about = out / options.cell, {"parameters": 2990 + len(trained), "epochs": 1}
        model.mkdir(parents=True, exist_ok=True)
        (model / "config.json").write_text("{}")
        metrics = measured | about | {"units": options.units, "validation_perplexity": 7.5}
        (model / "metrics.json").write_text(json.dumps(metrics))

    monkeypatch.setattr(workflow, "train", train)
    words = ("--cells=rnn", "--out", out, *NETWORK, "--parameters=3000", "--json")
    (first,) = compare(*words).json["rows"]
    result = compare(*words, "--cells=gru", "--cells=rnn")
    assert trained == [("rnn", False), ("gru", False)]
    results = result.json
    assert [row["cell"] for row in results["rows"]] == ["rnn", "gru"]
    assert results["rows"][0] == first
    assert first["units"] > results["rows"][1]["units"] > 1
    for row in results["rows"]:
        metrics = json.loads((out / row["cell"] / "metrics.json").read_text())
        assert row == {"cell": row["cell"]} | metrics
    assert json.loads((out / "comparison.json").read_text()) == results
    table = (out / "comparison.md").read_text()
    assert table == results["table"] + "\n"
    header, rule, *lines = table.splitlines()
    assert header == (
        "| cell | units | parameters | perplexity | bits per token | tokens | baseline perplexity |"
    )
    assert rule == "|" + "---|" * 7
    assert lines[0] == f"| rnn | {first['units']} | 2991 | 7 | 2.5 | 9 | 8 |"
    assert table in result.err

    (out / "gru" / "config.json").unlink()
    monkeypatch.setattr(comparison.checkpoints, "load", lambda run: "gru" in str(run) or None)
    assert compare(*words, "--cells=gru").code == 0
    assert trained[2:] == [("gru", True)]


def test_units_that_come_nearest(tmp_path):
    task, file = LanguageModelling(), write_text(tmp_path / "mine.txt", text())
    options = Options(data=str(file), cell="lstm", layers=1, embedding_dim=5)
    options.resolve()
    data = task.load_data(options)
    options.suit(data)
    units = comparison.units_for(task, data, options, 5000)

    def distance(units):
        model = task.build(data, dataclasses.replace(options, units=units)).model
        return abs(model.count_params() - 5000)

    assert distance(units) <= min(distance(units - 1), distance(units + 1))


def test_refused(compare, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    before = contents(tmp_path)
    for words, problem in (
        ("--parameters=3000", "Missing option '--out'"),
        ("--out=x", "Missing option '--parameters'"),
        ("--parameters=3000 --out=x --cells=elman", "'--cells': 'elman' is not one of"),
        ("--parameters=9 --out=x", "'--parameters': 9 is not in the range x>=1000"),
        ("--parameters=3000 --out=x --units=4", "No such option '--units'"),
        ("--parameters=3000 --out=file --cells=rnn", "file cannot be made"),
        ("--parameters=3000 --out=x --data=missing", "no such file"),
        ("--parameters=1000 --out=x --cells=rnn --embedding-dim=100", "one unit of rnn has"),
    ):
        assert_refused(compare(*words.split()), problem)
    assert contents(tmp_path) == before
