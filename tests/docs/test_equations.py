"""The table of equations: each line, test and chapter that it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/notes/equations.md"
_ROW = re.compile(
    r"^\| (?!equation|---)(.+) \| `(.+?)`: `(.+?)` \| `(.+?)::(\w+)` \| \[.+\]\((.+)\) \|$"
)
ROWS = [row for line in PAGE.read_text().splitlines() if (row := _ROW.match(line))]


def anchor(heading):
    """As Python-Markdown makes it of a heading."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def test_every_row_is_read():
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    assert len(ROWS) == sum(not line.startswith("| equation") for line in lines) > 25


@pytest.mark.parametrize("row", ROWS, ids=[row[1][:40] for row in ROWS])
def test_what_a_row_names_is_there(row):
    _, source, line, test, function, link = row.groups()
    assert line in (ROOT / source).read_text(), f"{source} has no line '{line}'"
    assert f"\ndef {function}(" in (ROOT / test).read_text(), f"{test} has no test '{function}'"
    chapter, _, place = link.partition("#")
    text = (PAGE.parent / chapter).read_text()
    headings = re.findall(r"^# #+ (.+)$", text, flags=re.MULTILINE)
    assert place in map(anchor, headings), f"{chapter} has no heading #{place}"
