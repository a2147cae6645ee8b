"""Help, and the list of what there is: complete, and without loading TensorFlow."""

import importlib
import json
import shutil
from pathlib import Path

import click
import pytest
from support.command_lines import run

from tasks.language_model import LanguageModelling
from tasks.music import Music
from tasks.ner import NamedEntities
from tasks.sentiment import Sentiment
from tasks.translation import Translation
from zoo import __main__ as listing
from zoo.application.command_line.commands import commands, execute
from zoo.cells import CELLS
from zoo.datasets.corpora import PACKAGED
from zoo.predictors import catalogue

HEAVY = {"keras", "tensorflow", "numpy", "sklearn", "matplotlib"}
TASKS = [Sentiment, NamedEntities, LanguageModelling, Music, Translation]
VERBS = commands(NamedEntities()).commands  # every task has these


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("zoo", []),
        ("zoo", ["--json"]),
        ("tasks.sentiment", ["--help"]),
        *[("tasks.sentiment", [verb, "--help"]) for verb in VERBS],
        ("tasks.sentiment", ["--cell", "elman"]),
        ("tasks.ner", ["--help"]),
        ("tasks.ner", ["predict", "--help"]),
    ],
)
def test_answers_without_loading_tensorflow(module, arguments):
    result = run(*arguments, module=module, PYTHONPROFILEIMPORTTIME="1")
    assert result.code == (2 if "elman" in arguments else 0)
    lines = result.err.splitlines()
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert "click" in imported
    assert not imported & HEAVY


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_help_prints_nothing_else(task):
    result = run("--help", module=f"tasks.{task.name}")
    assert (result.code, result.err) == (0, "")
    assert task.summary in " ".join(result.out.split())
    assert all(verb in result.out for verb in VERBS)


def default(option):
    return option.to_info_dict()["default"]


def options(verb):
    return [option for option in verb.params if isinstance(option, click.Option)]


@pytest.mark.parametrize(
    ("task", "verb"),
    [(task, verb) for task in TASKS for verb in commands(task()).commands],
    ids=lambda value: getattr(value, "name", value),
)
def test_every_option_has_help_and_shows_its_default(task, verb, capsys):
    command = commands(task())
    help_of_verb = [verb, "--help"], [verb, "-h"]
    assert {execute(command, "x", words) for words in help_of_verb} == {0}
    text = " ".join(capsys.readouterr().out.split())
    for option in options(command.commands[verb]):
        assert option.help, option.name
        assert " ".join(option.help.split()) in text
        if not option.is_flag:
            assert f"[default: {default(option)}" in text or default(option) is None


def test_cells_are_listed_in_help(capsys):
    execute(commands(Sentiment()), "x", ["train", "--help"])
    assert f"--cell [{'|'.join(CELLS)}]" in capsys.readouterr().out


def test_tasks_are_listed(capsys):
    listed_tasks = json.loads(listed(capsys, "--json"))["tasks"]
    assert {task["name"] for task in listed_tasks} >= {f"tasks.{task.name}" for task in TASKS}
    assert all(task["summary"] for task in listed_tasks)


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
    for name, metrics in (
        ("good", {"metric": "accuracy", "accuracy": 0.875, **DATA}),
        ("bare", {}),
    ):
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
def test_list_as_json(capsys):
    everything = json.loads(listed(capsys, "--json"))
    assert [task["name"] for task in everything["tasks"]] == [
        "tasks.broken",
        "tasks.silent",
        "tasks.tagging",
    ]
    broken, silent, tagging = (task["summary"] for task in everything["tasks"])
    assert tagging == "Tags of words."
    assert silent == ""
    assert "line 1" in broken
    assert [cell["name"] for cell in everything["cells"]] == list(CELLS)
    for cell in everything["cells"]:
        module, _, name = cell["class"].rpartition(".")
        assert getattr(importlib.import_module(module), name) is CELLS[cell["name"]]
    kinds = {dataset["name"]: dataset["kind"] for dataset in everything["datasets"]}
    assert kinds == {name: corpus.kind for name, corpus in PACKAGED.items()}
    bare, damaged, good = everything["models"]
    assert [Path(model.pop("folder")).name for model in (bare, good)] == ["bare", "good"]
    assert good == {
        "name": "good",
        "metric": "accuracy",
        "value": 0.875,
        "dataset": "reviews.csv",
        "source": "a file of one's own",
        "vectors": "x.vec",
    }
    assert bare == {"name": "bare", **dict.fromkeys([*good][1:])}
    assert damaged["name"] == "damaged"
    assert "metrics.json" in damaged["error"]


@pytest.mark.usefixtures("house")
def test_list_for_people(capsys):
    lines = [line.rstrip() for line in listed(capsys).splitlines()]
    assert [line for line in lines if not line.startswith(" ")] == [
        "Tasks",
        "Cells",
        "Datasets",
        "Models",
    ]
    (good,) = (line for line in lines if line.startswith("  good "))
    expected = "good accuracy 0.8750 reviews.csv a file of one's own with the vectors x.vec"
    assert " ".join(good.split()) == expected
    seconds = {line.index(line.split()[1]) for line in lines if len(line.split()) > 1}
    assert seconds == {good.index("accuracy")}  # one column through all sections


def test_list_of_an_empty_house(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "TASKS", tmp_path)
    out = listed(capsys)
    assert out.count("none yet") == 2
