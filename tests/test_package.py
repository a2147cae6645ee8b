"""The package: what it asks for is pinned, what it brings is in the wheel; it runs installed."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from itertools import chain
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import zoo
from zoo.application.command_line.commands import execute
from zoo.errors import EXTRAS

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES = PYPROJECT["project"]["dependencies"]
OPTIONAL = PYPROJECT["project"]["optional-dependencies"]
GROUPS = PYPROJECT["dependency-groups"]


def names(requirements):
    return {canonicalize_name(Requirement(line).name) for line in requirements}


def test_requirements_txt_pins_what_pyproject_asks_for():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = {}
    for pin in map(Requirement, (line for line in lines if not line.startswith("#"))):
        if pin.marker is None or pin.marker.evaluate():
            (specifier,) = pin.specifier
            assert specifier.operator == "==", pin
            pinned[canonicalize_name(pin.name)] = specifier.version
    asked = chain(
        DEPENDENCIES,
        OPTIONAL["audio"],
        OPTIONAL["formats"],
        OPTIONAL["genomics"],
        OPTIONAL["serving"],
        OPTIONAL["video"],
        *(GROUPS[group["include-group"]] for group in GROUPS["dev"]),
    )
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"{name}: make requirements"
        assert requirement.specifier.contains(pinned[name]), f"{requirement}: make requirements"


def test_extras_are_named_as_in_pyproject():
    for extra, requirements in OPTIONAL.items():
        modules = {canonicalize_name(name) for name, of in EXTRAS.items() if extra in of}
        assert modules == names(requirements)
    assert not names(DEPENDENCIES) & {canonicalize_name(name) for name in EXTRAS}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The package, built without a network; a model that a user trained is in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("zoo", "tasks", "saved_models", "tests", "benchmarks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, source)
    (source / "saved_models" / "of_a_user").mkdir()
    (source / "saved_models" / "of_a_user" / "config.json").write_text("{}")
    options = ("--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", *options, source)
    (built,) = folder.glob("*.whl")
    return built


def run(*command, **options):
    """Standard output of a command that succeeds."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_wheel_holds_the_library_the_tasks_and_the_models(wheel):
    assert wheel.stat().st_size < 80e6
    assert f"-{zoo.__version__}-" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    shipped = re.findall(r"^!/saved_models/(\w+)/$", (ROOT / ".gitignore").read_text(), re.M)
    models = {name.split("/")[2] for name in found if name.startswith("zoo/saved_models/")}
    assert models == {*shipped}
    for model in shipped:
        for file in ("README.md", "baseline.npz", "config.json", "metrics.json", "model.keras"):
            assert f"zoo/saved_models/{model}/{file}" in found
    sources = {
        str(path.relative_to(ROOT))
        for package in ("zoo", "tasks")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".so")
    }
    assert {name for name in found if "/saved_models/" not in name} == sources


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The Python of a fresh environment with the package, which cannot be written."""
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", environment)
    python = environment / "bin" / "python"
    pins = ROOT / "requirements.txt"
    run(python, "-m", "pip", "install", "--quiet", "--constraint", pins, wheel)
    run("chmod", "-R", "a-w", environment)
    yield python
    run("chmod", "-R", "u+w", environment)


@pytest.mark.long
def test_installed_it_does_without_the_checkout(installed, tmp_path):
    """From a folder with a blank and an umlaut, without HOME and without write access."""
    folder = tmp_path / "für Modelle"
    folder.mkdir()
    ours = ("HOME", "PYTHONPATH", "KERAS_BACKEND", "ZOO_MODELS", "ZOO_CACHE")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    prefix = ()
    if os.geteuid() == 0 and shutil.which("setpriv"):  # root writes everywhere, unless it may not
        prefix = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")

    def python(*arguments):
        return run(*prefix, installed, *arguments, cwd=folder, env=environment)

    assert "pos" in python("-m", "tasks.sentiment", "predict", "Loved it.")
    listed = json.loads(python("-m", "zoo", "--json"))
    assert len(listed["tasks"]) == len([*(ROOT / "tasks").glob("[!_]*.py")])
    shipped = {model["name"] for model in listed["models"]}
    assert "sentiment_bilstm_imdb" in shipped
    load = "import zoo; print(zoo.load('sentiment_bilstm_imdb').predict(['Loved it.']))"
    assert "'pos'" in python("-c", load)
    data = folder / "data.conll"
    sentences = (f"Anna{i} B-PER\nsleeps O\nin O\nTown{i} B-LOC\n" for i in range(60))
    data.write_text("\n".join(sentences), encoding="utf-8")
    python("-m", "tasks.ner", "train", "--data", data.name, "--epochs", "1", "--units", "4")
    listed = {model["name"]: model for model in json.loads(python("-m", "zoo", "--json"))["models"]}
    (trained,) = listed.keys() - shipped
    assert Path(listed[trained]["folder"]).parent == folder / "saved_models"
    python("-m", "tasks.ner", "predict", "--model", trained, "Anna sleeps")
    export = ("-m", "tasks.sentiment", "export", "--out", "served", "--format", "onnx")
    with pytest.raises(AssertionError, match=r'pip install "sequence-model-zoo\[formats\]"'):
        python(*export)


def test_a_package_of_an_extra_that_is_missing_is_named(capsys, monkeypatch):
    @click.command
    def command():
        import uvicorn  # noqa: F401

    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert execute(command, "x", []) == 2
    assert capsys.readouterr().err == (
        'error: the package uvicorn is missing: pip install "sequence-model-zoo[serving]"\n'
    )
