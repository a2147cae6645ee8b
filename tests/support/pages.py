"""What the README, the pages of the documentation and the model cards show, to be tested."""

import importlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.application import Application

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [
    README,
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")),
    *sorted(ROOT.glob("docs/*.md")),
    ROOT / "docs/notes/index.md",
]
CARDS = sorted(
    ROOT / path.strip().strip("!/") / "README.md"
    for path in (ROOT / ".gitignore").read_text().splitlines()
    if path.startswith("!/saved_models/")
)
TEXTS = [*PAGES, *CARDS]

_FENCE = re.compile(
    r"(?:<!-- only parsed: (?P<reason>.+?) -->\n)?"
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<code>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)
_COMMAND = re.compile(r"(?:^|`)\s*(python -m (?:zoo|tasks|benchmarks)\b[^`\n]*)", re.MULTILINE)
_PLACEHOLDERS = ("…", "NAME", "tasks.topics")


@dataclass(frozen=True)
class Block:
    """A fenced block: `title` is the file that it is, `reason` why it is parsed and not run."""

    language: str
    code: str
    title: str | None
    reason: str | None


def name_of(path: Path) -> str:
    """A page in the name of a test."""
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(**found.groupdict()) for found in _FENCE.finditer(page.read_text())]


def words_of(line: str) -> list[str]:
    """The words of a command line, without comments and redirections."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="<>|")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if set(word) <= set("<>|"):
            break
        words.append("1" if word == "N" else word)
    return words


def commands(page: Path) -> Iterator[list[str]]:
    """The commands of the zoo that a page shows, in blocks or in its text."""
    for line in _COMMAND.findall(page.read_text().replace("\\\n", " ")):
        if not any(part in line for part in _PLACEHOLDERS):
            yield words_of(line)


def task_of(module: str) -> type[Application]:
    """The task of a module of `tasks/`."""
    (task,) = (
        value
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, type) and issubclass(value, Application) and value.__module__ == module
    )
    return task
