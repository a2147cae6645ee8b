"""Help, and the list of what there is: complete, and without loading TensorFlow."""

import importlib
import json
import shutil
from pathlib import Path

import pytest
from support import ask_for_help
from support.processes import run_script
from support.task_case import CASES

from zoo import __main__ as listing
from zoo.application.command_line.commands import commands_of, execute
from zoo.cells import CELLS
from zoo.datasets.corpora import PACKAGED
from zoo.predictors import catalogue

HEAVY = {"keras", "tensorflow", "sklearn", "matplotlib", "mido", "music21", "numpy"}


def test_what_can_be_asked_at_once_loads_nothing_heavy():
    """Help of every verb, the listing, and a refusal: in one fresh process."""
    verbs = [
        [f"tasks.{name}", *verb, "--help"]
        for name, case in CASES.items()
        for verb in ([], *([verb] for verb in commands_of(case.task()).commands))
    ]
    questions = [["zoo"], ["zoo", "--json"], ["tasks.ner", "--cell", "elman"], *verbs]
    told = json.loads(run_script(ask_for_help.__file__, json.dumps(questions)))
    loaded = {name.partition(".")[0] for name in told["modules"]}
    assert "click" in loaded
    assert not loaded & HEAVY
    for words, (code, out, err) in zip(questions, told["answers"], strict=True):
        if "elman" in words:
            assert (code, out) == (2, "")
            assert "'--cell': 'elman' is not one of 'rnn', " in err
            continue
        assert (code, err) == (0, ""), words
        if words[0] == "zoo":
            assert all(f"tasks.{name}" in out for name in CASES)
        elif len(words) == 2:
            task = CASES[words[0].partition(".")[2]].task
            assert task.summary in " ".join(out.split())
            assert all(f"\n  {verb} " in out for verb in commands_of(task()).commands)
        else:
            assert f"{words[1]} [OPTIONS]" in out
            assert words[1] != "train" or f"--cell [{'|'.join(CELLS)}]" in out


def test_every_task_has_its_tests():
    assert catalogue.tasks().keys() == CASES.keys()
    assert all(catalogue.tasks().values())


DATA = {"dataset": "reviews.csv", "settings": {"data": "reviews.csv", "vectors": "x.vec"}}


@pytest.fixture
def house(tmp_path, monkeypatch, saved_models):
    """A folder of tasks and a folder of models."""
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "__init__.py").write_text('"""Not a task."""')
    (tasks / "tagging.py").write_text('"""Tags of words.\n\nMore."""\n\nimport tensorflow\n')
    (tasks / "broken.py").write_text("class\n")
    (tasks / "silent.py").write_text("x = 1\n")
    monkeypatch.setattr(catalogue, "TASKS", tasks)
    good = {"metric": "accuracy", "accuracy": 0.875, **DATA}
    for name, metrics in {"good": good, "bare": {}}.items():
        (saved_models / name).mkdir(parents=True)
        (saved_models / name / "config.json").write_text("{}")
        (saved_models / name / "metrics.json").write_text(json.dumps(metrics))
    shutil.copytree(saved_models / "good", saved_models / "damaged")
    (saved_models / "damaged" / "metrics.json").write_text("{")
    (saved_models / "unfinished").mkdir()


def listed(capsys, *arguments):
    assert execute(listing.listing, "python -m zoo", [*arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.usefixtures("house")
def test_lists_as_json_and_for_people(capsys):
    everything = json.loads(listed(capsys, "--json"))
    tasks = {task["name"]: task["summary"] for task in everything["tasks"]}
    assert [*tasks] == ["tasks.broken", "tasks.silent", "tasks.tagging"]
    assert (tasks["tasks.tagging"], tasks["tasks.silent"]) == ("Tags of words.", "")
    assert "line 1" in tasks["tasks.broken"]
    assert [cell["name"] for cell in everything["cells"]] == list(CELLS)
    for cell in everything["cells"]:
        module, _, name = cell["class"].rpartition(".")
        assert getattr(importlib.import_module(module), name) is CELLS[cell["name"]]
    kinds = {dataset["name"]: dataset["kind"] for dataset in everything["datasets"]}
    assert kinds == {name: corpus.kind for name, corpus in PACKAGED.items()}
    bare, damaged, good = everything["models"]
    assert [Path(model.pop("folder")).name for model in (bare, good)] == ["bare", "good"]
    assert [*good.values()] == [
        "good", "accuracy", 0.875, "reviews.csv", "a file of one's own", "x.vec"
    ]  # fmt: skip
    assert bare == {"name": "bare", **dict.fromkeys([*good][1:])}
    assert damaged["name"] == "damaged"
    assert "metrics.json" in damaged["error"]

    lines = [line.rstrip() for line in listed(capsys).splitlines()]
    titles = [line for line in lines if not line.startswith(" ")]
    assert titles == ["Tasks", "Cells", "Datasets", "Models"]
    (good,) = (line for line in lines if line.startswith("  good "))
    expected = "good accuracy 0.8750 reviews.csv a file of one's own with the vectors x.vec"
    assert " ".join(good.split()) == expected
    seconds = {line.index(line.split()[1]) for line in lines if len(line.split()) > 1}
    assert seconds == {good.index("accuracy")}  # one column through all sections


def test_list_of_an_empty_house(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "TASKS", tmp_path)
    assert listed(capsys).count("none yet") == 2
