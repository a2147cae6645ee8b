"""What the pages show is true: code runs, commands parse, names, files and figures are there."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import runpy
import shlex
import sys

import click
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from support.pages import CARDS, PAGES, README, ROOT, TEXTS, blocks, commands, name_of, task_of

import zoo
from zoo.application.command_line.commands import commands_of
from zoo.cells import CELLS, registry
from zoo.datasets.corpora import PACKAGED
from zoo.serving import client

WITH_CODE = [page for page in PAGES if any(block.language == "python" for block in blocks(page))]
SHOWN = re.compile(r"`(zoo(?:\.[A-Za-z]\w*)+)(?:\.\*)?`")
LINKS = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to run a page in; what the page registers is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ZOO_MODELS", str(tmp_path / "saved_models"))
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(registry, "_PATHS", dict(registry._PATHS))
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "tensorflow_datasets"))
    yield tmp_path
    for file in tmp_path.glob("*.py"):
        sys.modules.pop(file.stem, None)


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_the_code_of_a_page_runs(page, folder, monkeypatch):
    names = {"__name__": "page"}
    for block in blocks(page):
        if block.title:
            (folder / block.title).write_text(block.code)
        elif block.language == "python":
            code = compile(block.code, name_of(page), "exec")
            if not block.reason or "Client(" in block.code:
                monkeypatch.setattr(client, "Client", Served)
                exec(code, names)
                assert_printed(block.code, names)
        elif block.language == "console":
            for line in re.findall(r"^python \w+\.py .*", block.code, re.M):
                run_script(shlex.split(line)[1:], monkeypatch)


class Served:
    """A client that asks no server: the graph that an export has answers."""

    def __init__(self, address, model, protocol="rest", timeout=10):
        (self.endpoint, *_) = zoo.load(model).endpoints()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def predict(self, inputs):
        found = self.endpoint.function(*map(tf.constant, inputs.values()))
        columns = {name: tensor.numpy().tolist() for name, tensor in found.items()}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return [{n: v.decode() if isinstance(v, bytes) else v for n, v in r.items()} for r in rows]


def assert_printed(code, names):
    """What a comment below an expression shows is its value; dots stand for further digits."""
    lines = [*code.splitlines(), ""]
    for node in ast.walk(ast.parse(code)):
        below = lines[node.end_lineno] if isinstance(node, ast.Expr) else ""
        if shown := re.match(r"\s*# ([\[{].*)", below):
            pattern = re.escape(shown[1]).replace(r"\.\.\.", r"[\d.e-]*")
            value = eval(compile(ast.Expression(node.value), "page", "eval"), names)
            assert re.fullmatch(pattern, repr(value)), f"{shown[1]} is {value}"


def run_script(words, monkeypatch):
    """Runs a file of the page by its own command line."""
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as exited:
        runpy.run_path(words[0], run_name="__main__")
    assert not exited.value.code, words


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_the_commands_of_a_page_parse(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(click.Command, "invoke", lambda self, context: None)
    for words in commands(page):
        command = command_of(words[2])
        try:
            command.main(words[3:], prog_name=" ".join(words[:3]), standalone_mode=False)
        except click.ClickException as error:
            pytest.fail(f"{' '.join(words)}: {error.format_message()}")


def command_of(name):
    """The click command of `python -m NAME`."""
    if name.startswith("tasks."):
        return commands_of(task_of(name)())
    module = importlib.import_module("zoo.__main__" if name == "zoo" else name)
    return next(value for value in vars(module).values() if isinstance(value, click.Command))


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_names_and_links_of_a_page_lead_somewhere(page):
    text = page.read_text()
    if page.name == "CHANGELOG.md":  # of its tables only what holds now
        text = re.sub(r"(?m)^\| `.*? \| ", "", text)
    for name in SHOWN.findall(text):
        pkgutil.resolve_name(name)
    for block in blocks(page):
        for node in ast.walk(ast.parse(block.code if block.language == "python" else "")):
            if isinstance(node, ast.ImportFrom) and node.module.startswith(("zoo", "tasks")):
                for alias in node.names:
                    pkgutil.resolve_name(f"{node.module}.{alias.name}")
    for link in LINKS.findall(text):
        assert (page.parent / link).exists(), link


def test_the_readme_links_to_every_page():
    linked = {(README.parent / link).resolve() for link in LINKS.findall(README.read_text())}
    assert linked >= {page for page in PAGES if page != README} | set(CARDS)


def test_equations_are_those_of_the_cells():
    page = (ROOT / "docs/cells.md").read_text()
    for cell in CELLS.values():
        (found,) = re.findall(rf"^## {cell.__name__}\n\n\$\$\n(.*?)\$\$", page, re.M | re.S)
        equations = [unicode_of(line) for line in found.splitlines() if "&=" in line]
        described = re.search(r"\n\n((?:    .+\n)+)", inspect.getdoc(cell))[1]
        assert equations == [re.sub(r"[\s{}]", "", line) for line in described.splitlines()]


def unicode_of(latex):
    """An equation as docstrings have it, without spaces and braces."""
    text = re.sub(r"\^\{\\langle (.*?)\\rangle\}", r"<\1>", latex)
    for command, symbol in {r"\tilde{c}": "c̃", r"\Gamma": "Γ", r"\sigma": "σ"}.items():
        text = text.replace(command, symbol)
    return re.sub(r"[\s&{}\\]", "", text)


def test_the_page_of_data_has_every_packaged_corpus():
    page = (ROOT / "docs/data.md").read_text()
    for name, corpus in PACKAGED.items():
        assert f"| `{name}` | {corpus.contents} |" in page


NUMBER = re.compile(r"\d+\.\d+")
ROWS = {
    name: cells
    for name, *cells in re.findall(
        r"^\| \[`(\w+)`\]\(.*?\) \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", README.read_text(), re.M
    )
}


def test_it_is_short_and_has_a_row_for_every_model_that_ships():
    assert len(README.read_bytes()) < 8192
    assert set(ROWS) == {card.parent.name for card in CARDS}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_a_row_says_what_was_measured(card):
    measured = json.loads((card.parent / "metrics.json").read_text())
    data, result, baseline, published = ROWS[card.parent.name]
    metric = "exact_match" if "exactly right" in result else measured["metric"]
    expected = [metric, *(["bits_per_token"] if "bits" in result else [])]
    for place, name in enumerate(expected):
        assert_rounded(NUMBER.findall(result)[place], measured[name])
        assert_rounded(NUMBER.findall(baseline)[place], measured[f"baseline_{name}"])
    assert measured["task"] == "language_model" or f"{measured['examples']:,} " in data
    known = task_of(f"tasks.{measured['task']}").card.published.get(measured["dataset"], ())
    assert set(NUMBER.findall(published)) <= {one.figure for one in known}


def assert_rounded(number, value):
    assert number == f"{value:.{len(number.partition('.')[2])}f}"
