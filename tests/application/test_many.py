"""Predictions in parts: what is cut off goes on, and both engines write the same."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from support.command_lines import ROOT, assert_refused, clean_environment, contents, terminal
from support.parts import near, read_parts
from support.review_texts import reviews

from zoo.application.many_jobs import Job


@pytest.fixture
def table(tmp_path):
    """A table of 300 rows, of which one is none, and one is more than a model reads."""
    path = tmp_path / "data" / "rows.jsonl"
    path.parent.mkdir()
    rows = [{"id": i, "text": text} for i, (text, _) in enumerate(reviews(300))]
    rows[17], rows[170] = {"id": 17}, {"id": 170, "text": "x" * 200_000}
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def predict(sentiment, trained_models, tmp_path, table):
    """Predicts the table, 100 rows a part."""
    model = trained_models("sentiment").model
    words = ("predict", "--model", model, "--data", table, "--part-rows=100")
    return functools.partial(sentiment, *words)


def assert_whole(folder):
    rows = read_parts(folder)
    assert [row["row"] for row in rows] == list(range(1, 301))
    assert [row["id"] for row in rows] == list(range(300))
    assert [row["id"] for row in rows if "error" in row] == [17, 170]
    assert {"label", "input"} < rows[0]["prediction"].keys()
    assert [*folder.glob(".passing*")] == []


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_what_was_cut_off_goes_on(predict, tmp_path, monkeypatch, form):
    out, write, made = tmp_path / "out", Job.write, []

    def interrupted(job, number, piece):
        made.append(number)
        for count in write(job, number, piece):
            yield count
            if number == 1 and len(made) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(Job, "write", interrupted)
    monkeypatch.setattr("tasks.sentiment.Sentiment.predicted_together", 32)
    cut = predict("--out", out, f"--format={form}")
    assert (cut.code, cut.err.strip()) == (130, "interrupted: the same command goes on")
    assert [path.name for path in sorted(out.glob("[!_.]*"))] == [f"part-000000.{form}"]
    assert json.loads((out / "_manifest.json").read_text())["finished"] is None
    (out / f".passing-part-000001.{form}-of-one-that-was-killed").touch()
    first = (out / f"part-000000.{form}").read_bytes()
    (out / f"part-000000.{form}").write_bytes(first)
    result = predict("--out", out, f"--format={form}")
    told = "300 rows, 2 of them with an error in place of a prediction; parts: 3\n"
    assert (result.code, result.out) == (2, f"{out}: {told}")
    assert made == [0, 1, 1, 2]
    finished = json.loads((out / "_manifest.json").read_text())["finished"]
    assert finished == {"rows": 300, "parts": 3, "failed": 2}
    if form == "jsonl":
        assert_whole(out)
    before = contents(out)
    again = predict("--out", out, f"--format={form}", "--json")
    assert json.loads(again.out) == {"out": str(out), **finished, "kept": 3}
    assert contents(out) == before
    assert made == [0, 1, 1, 2]


def test_other_settings_and_other_data_are_refused(predict, table, model, tmp_path):
    out = tmp_path / "out"
    predict("--out", out)
    before = contents(out)
    assert_refused(
        predict("--out", out, "--part-rows=50"), "other settings, part_rows 100 and not 50"
    )
    assert_refused(predict("--out", out, "--format=parquet"), "format jsonl and not parquet")
    assert_refused(predict("--out", out, "--text-column=id"), "text_column text and not id")
    assert_refused(predict("--out", out, "--model", model), "other settings, model ")
    table.write_text(table.read_text() + "\n")
    assert_refused(predict("--out", out), "data_sha256")
    assert_refused(predict("--out", table.parent), "lies among the data")
    assert_refused(predict("--out", model), "holds other files")
    (out / "_manifest.json").write_text("{}")
    assert_refused(predict("--out", out), "_manifest.json is damaged")
    before[out / "_manifest.json"] = b"{}"
    assert contents(out) == before
    assert_refused(predict("--out", tmp_path / "b", "--actors=2"), "give that too")
    table.write_text('{"text": "a", "error": 1}')
    assert_refused(predict("--out", tmp_path / "b"), "a column 'error'")
    assert not (tmp_path / "b").exists()


def test_columns_that_come_later(predict, table, tmp_path):
    table.write_text('{"text": "a"}\n{"text": "b", "row": 1, "n": 2}\n{"text": "c", "n": [1]}')
    assert predict("--out", tmp_path / "a").code == 2
    rows = read_parts(tmp_path / "a")
    assert "'row' is called as one" in rows[1]["error"]
    assert [row.get("n") for row in rows] == [None, 2, [1]]
    assert predict("--out", tmp_path / "b", "--format=parquet").code == 2
    rows = read_parts(tmp_path / "b")
    assert "'n' is not in the first row" in rows[2]["error"]
    table.write_text('{"text": "a", "n": [1, {"m": null}]}')
    assert predict("--out", tmp_path / "c", "--format=parquet").code == 0
    assert read_parts(tmp_path / "c")[0]["n"] == '[1, {"m": null}]'


def test_a_terminal_sees_rows_and_their_speed(predict, tmp_path, monkeypatch):
    with terminal(monkeypatch) as (screen, read):
        monkeypatch.setattr("sys.stderr", screen)
        predict("--out", tmp_path / "out")
        shown = read()
    assert "300/300" in shown
    assert "rows/s" in shown


@pytest.mark.long  # Ray takes seconds to start, and gives up where a machine is busy
def test_ray_writes_the_same(predict, tmp_path):
    pytest.importorskip("ray")
    predict("--out", tmp_path / "local")
    result = predict("--out", tmp_path / "ray", "--engine=ray", "--actors=2")
    assert (result.code, result.err) == (2, "")
    assert_whole(tmp_path / "ray")
    assert read_parts(tmp_path / "ray") == [*map(near, read_parts(tmp_path / "local"))]


@pytest.mark.long
def test_the_death_of_an_actor_loses_no_row_and_doubles_none(trained_models, tmp_path):
    pytest.importorskip("ray")
    psutil = pytest.importorskip("psutil")
    data, out = tmp_path / "rows.txt", tmp_path / "out"
    texts = [text for text, _ in reviews(1000)] * 200
    data.write_text("\n".join(texts))
    model = trained_models("sentiment").model
    words = ["-m", "tasks.sentiment", "predict", "--model", model, "--data", data, "--out", out]
    words += ["--engine=ray", "--actors=2", "--part-rows=4000", "--json"]
    process = subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    killed = None
    while killed is None and process.poll() is None:
        time.sleep(0.05)
        if len([*out.glob("part-*")]) >= 10:
            children = psutil.Process(process.pid).children(recursive=True)
            killed = next(one for one in children if "MapWorker" in "".join(one.cmdline()))
            os.kill(killed.pid, signal.SIGKILL)
    left = len([*out.glob("part-*")])
    told = json.loads(process.communicate(timeout=500)[0].splitlines()[-1])  # Ray tells of it
    assert killed
    assert left < 50
    assert told == {"out": str(out), "rows": 200_000, "parts": 50, "kept": 0, "failed": 0}
    rows = read_parts(out)
    assert [row["row"] for row in rows] == list(range(1, 200_001))
    assert [row["prediction"]["input"] for row in rows] == texts
    shutil.rmtree(out)
