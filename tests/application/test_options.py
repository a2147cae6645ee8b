"""Options as dataclasses, the command line that they make, its help and the listing."""

import importlib
import json
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import ask_for_help
from support.command_lines import Result, assert_refused
from support.processes import run_script
from support.refusals import refused
from support.task_case import APPLICATIONS

from tasks.sentiment import Sentiment
from zoo import __main__ as listing
from zoo.application.command_line.commands import command_of, commands_of, execute
from zoo.application.options import (
    TrainingOptions,
    argument,
    by_level,
    fixed,
    option,
    training_command,
)
from zoo.application.sampling import SamplingOptions
from zoo.application.task import Verb
from zoo.cells import CELLS
from zoo.datasets.corpora import PACKAGED
from zoo.predictors import catalogue

LEVELS = ("letter", "word")


def no_odd_number(value):
    if value % 2:
        raise ValueError(f"{value} is odd")
    return value


@dataclass
class Base(TrainingOptions):
    """Options from which others inherit."""

    texts: tuple[str, ...] = argument("TEXT...")
    rate: float = option(0.5, "Of learning.", least=0, below=1)
    heat: float = option(1.0, "Of drawing.", above=0, most=9)
    pairs: int | None = option(None, "An even number.", check=no_odd_number)
    file_format: str = option("a", "Kind of file.", name="format", what="kind")
    names: tuple[str, ...] = option((), "A name; can be repeated.", what="name")
    weights: int = option(None, "Of a network.", least=9, required=True)


@dataclass
class Options(Base):
    """Options that say less, and something else."""

    texts: tuple[str, ...] = argument("[TEXT]...", required=False)
    units: int = 7
    bidirectional: bool = fixed(False)
    weights: int = fixed(9)
    rate: float = option(0.25, "Of forgetting.")
    level: str = option("letter", "What a token is.", choices=LEVELS)
    steps: int = by_level(LEVELS, (9, 3), "Steps of a piece.", least=1)
    tied: bool = by_level(LEVELS, (False, True), "Tie the weights.")

    def resolve(self):
        self.fill_in(self.level)


@pytest.fixture
def parse(capfd):
    """What a command line makes of words: the options, or a `Result` if it refuses them."""

    def parse(*words, options=Options):
        found = []
        verb = Verb(lambda task, *given: found.append(given), "Tries.", (options,), "try")
        capfd.readouterr()
        code = execute(command_of(verb, Sentiment()), "try", [*words])
        return found[0] if found else Result(code, *capfd.readouterr())

    return parse


def test_defaults_values_and_what_must_be_given(parse):
    options, output = parse()
    assert options == Options()
    assert (output.json, output.given) == (False, frozenset())
    words = "--units 3 --cell=gru --rate=0 --heat 9 --pairs=4 --format b --names x --names y"
    options, output = parse(*words.split(), "--out=o", "--resume", "--json", "--tied", "hot", "-")
    assert output.json
    assert output.given > {"units", "file_format", "resume", "tied", "texts"}
    assert not {"steps", "level"} & output.given
    numbers = {"units": 3, "rate": 0.0, "heat": 9.0, "pairs": 4}
    words = {"cell": "gru", "file_format": "b", "names": ("x", "y"), "texts": ("hot", "-")}
    assert options == Options(**numbers, **words, out="o", resume=True, tied=True)
    assert parse("--no-tied")[0].tied is False
    assert parse("a", "--weights=9", options=Base)[0].weights == 9
    assert_refused(parse("--weights=9", options=Base), "Missing argument 'TEXT...'")
    assert_refused(parse("a", options=Base), "Missing option '--weights'")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--units=0", "'--units': 0 is not in the range x>=1"),
        ("--units=many", "'--units': 'many' is not a valid integer"),
        ("--cell=elman", "'--cell': 'elman' is not one of 'rnn', "),
        ("--rate=1", "'--rate': 1.0 is not in the range 0<=x<1"),
        ("--rate=nan", "'--rate': nan is no finite number"),
        ("--heat=0", "'--heat': 0.0 is not in the range 0<x<=9"),
        ("--pairs=3", "'--pairs': 3 is odd"),
        ("--remember=long", "or chrono:STEPS with 3 steps or more. Received: 'long'"),
        ("--format=", "'--format': it is empty: give a kind or leave the option out"),
        ("--bidirectional", "No such option '--bidirectional'"),
        ("--no-resume", "No such option '--no-resume'"),
    ],
)
def test_values_that_cannot_be(words, problem, parse):
    assert_refused(parse(words), problem)


def test_help(parse):
    text = " ".join(parse("--help").out.split())
    assert "try [OPTIONS] [TEXT]..." in text
    assert "Of forgetting. [default: 0.25; 0<=x<1]" in text
    assert "Steps of a piece. [default: (9 for letters; 3 for words)" in text
    assert "--tied / --no-tied Tie the weights. [default: (off for letters; on for words)]" in text
    assert "--resume Go on with the run in --out. --overwrite" in text  # a switch is off
    assert text.index("--level") < text.index("--out") < text.index("--resume")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("--units=7 --level=letter --steps=9", ""),
        ("--units=64 --format='a b' --no-tied", "--units 64 --format 'a b'"),
        ("--level=word --steps=3 --tied", "--level word"),
        ("--rate=0 --level=word --no-tied", "--rate 0.0 --level word --no-tied"),
        ("--remember=4 --zoneout=0.1 --layer-norm", "--remember 4.0 --layer-norm --zoneout 0.1"),
        ("--remember=chrono:200", "--remember chrono:200"),
        ("--steps=3 --out=o --resume --heat=1e-5", "--heat 1e-05 --steps 3"),
    ],
)
def test_the_command_of_a_training_is_short_and_means_the_same(words, shown, parse):
    """Without what is a default, also one that depends on others, or is of that one call."""
    options, _ = parse(*shlex.split(words))
    options.resolve()
    line = training_command("python -m tasks.tagging", options)
    assert line == f"python -m tasks.tagging train {shown}".rstrip()
    repeated, _ = parse(*shlex.split(line)[4:])
    repeated.resolve()
    assert repeated.recorded() == options.recorded()
    assert not {"out", "resume", "overwrite"} & options.recorded().keys()


def test_what_a_network_is_told_of_its_cells(parse):
    assert parse()[0].recurrence()["cell_options"] == {}
    for words, expected in (
        ("--remember=0 --cell=gru", {"remember": 0.0}),
        (
            "--remember=chrono:9 --zoneout=0.5 --layer-norm",
            {"remember": "chrono:9", "zoneout": 0.5, "layer_norm": True},
        ),
    ):
        assert parse(*words.split())[0].recurrence()["cell_options"] == expected
    refused(
        "rnn has no gate that keeps: leave --remember out",
        parse("--cell=rnn", "--remember=1")[0].recurrence,
    )


def test_sampling_without_options_is_free_and_has_a_new_seed():
    settings = SamplingOptions().settings()
    assert (settings["temperature"], settings["top_k"], settings["top_p"]) == (1.0, 0, 1.0)
    assert 0 <= settings["seed"] < 2**32
    assert SamplingOptions().settings()["seed"] != settings["seed"]
    given = SamplingOptions(temperature=0.5, top_k=3, top_p=0.9, seed=0)
    assert given.settings() == {**given.drawing(), "seed": 0}
    assert given.drawing() == {"temperature": 0.5, "top_k": 3, "top_p": 0.9}


HEAVY = {"keras", "tensorflow", "sklearn", "matplotlib", "mido", "music21", "numpy"}


def test_what_can_be_asked_at_once_loads_nothing_heavy():
    """Help of every verb, the listing, and a refusal: in one fresh process."""
    verbs = [
        [f"tasks.{name}", *verb, "--help"]
        for name, task in APPLICATIONS.items()
        for verb in ([], *([verb] for verb in commands_of(task()).commands))
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
            assert all(f"tasks.{name}" in out for name in APPLICATIONS)
        elif len(words) == 2:
            task = APPLICATIONS[words[0].partition(".")[2]]
            assert task.summary in " ".join(out.split())
            assert all(f"\n  {verb} " in out for verb in commands_of(task()).commands)
        else:
            assert f"{words[1]} [OPTIONS]" in out
            assert words[1] != "train" or f"--cell [{'|'.join(CELLS)}]" in out


def test_every_task_has_its_tests():
    assert catalogue.tasks().keys() == APPLICATIONS.keys()
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
        (saved_models / name / "model.keras").touch()
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
    assert damaged["error"] == "damaged: restore it, or train it again"

    lines = [line.rstrip() for line in listed(capsys).splitlines()]
    titles = [line for line in lines if not line.startswith(" ")]
    assert titles == ["Tasks", "Cells", "Datasets", "Recurrence", "Models"]
    (good,) = (line for line in lines if line.startswith("  good "))
    expected = "good accuracy 0.8750 reviews.csv a file of one's own with the vectors x.vec"
    assert " ".join(good.split()) == expected
    seconds = {line.index(line.split()[1]) for line in lines if len(line.split()) > 1}
    assert seconds == {good.index("accuracy")}  # one column through all sections


def test_list_of_an_empty_house(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "TASKS", tmp_path)
    assert listed(capsys).count("none yet") == 2
