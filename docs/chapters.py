"""The chapters of docs/notes: `make docs` runs them, and makes a page and a notebook of each.

A chapter is a Python file in the percent format, which editors and Jupytext open as a notebook:
`# %% [markdown]` begins a cell of text, in comments, `# %%` one of code. A page shows the text, the
code, what it printed and the figures that it left open. A chapter that fails stops the build.
"""

import contextlib
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib
from matplotlib import pyplot
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

FOLDER = Path(__file__).with_name("notes")
STYLE = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "figure.constrained_layout.use": True,
    "figure.figsize": (7, 3.5),  # inches
    "grid.alpha": 0.4,
    "image.cmap": "cividis",
    "legend.frameon": False,
    "savefig.dpi": 150,
}
"""How figures look, besides the colours of petroff6, which the colour-blind tell apart too."""

_CELL = re.compile(r"^# %%(?P<text> \[markdown\])?\n(?P<body>.*?)(?=^# %%|\Z)", re.M | re.S)
_LINK = re.compile(r"(\]\(\w+)\.py(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the chapters: of each a page, its figures and a notebook."""
    matplotlib.use("Agg")
    sys.path.append(str(FOLDER.parents[1]))  # the checkout, where the zoo is not installed
    for chapter in sorted(FOLDER.glob("*.py")):
        made = page_and_figures(chapter) | {f"{chapter.stem}.ipynb": notebook(chapter)}
        for name, content in made.items():
            files.append(File.generated(config, f"notes/{name}", content=content))
    return files


def cells(chapter: Path) -> Iterator[tuple[bool, str, int]]:
    """Of each cell whether it is text, what it holds, and the lines of the file before that."""
    source = chapter.read_text(encoding="utf-8")
    for found in _CELL.finditer(source):
        body = re.sub(r"^# ?", "", found["body"], flags=re.M) if found["text"] else found["body"]
        yield bool(found["text"]), body.strip(), source.count("\n", 0, found.start("body"))


def page_and_figures(chapter: Path) -> dict[str, str | bytes]:
    """Runs a chapter: its page in Markdown and its figures as PNG, by the names of the files."""
    figures: dict[str, bytes] = {}
    file = f"{chapter.stem}.ipynb"
    shown = [f'[Download as a notebook]({file}){{ download="{file}" }}']
    names = {"__name__": chapter.stem}
    with pyplot.style.context(["petroff6", STYLE]):
        for is_text, body, line in cells(chapter):
            if is_text:
                shown.append(_LINK.sub(r"\1.md", body))
                continue
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile("\n" * line + body, chapter, "exec"), names)
            shown.append(f"```python\n{body}\n```")
            if printed.getvalue():
                shown.append(f"```text\n{printed.getvalue().rstrip()}\n```")
            for number in pyplot.get_fignums():
                file = f"{chapter.stem}_{len(figures) + 1}.png"
                figures[file], title = _png(pyplot.figure(number))
                shown.append(f"![{title}]({file})")
    shown.insert(0, shown.pop(1))  # the title goes above the link
    return {f"{chapter.stem}.md": "\n\n".join(shown), **figures}


def _png(figure: pyplot.Figure) -> tuple[bytes, str]:
    """A figure, which it closes, and its title."""
    title = figure.get_suptitle() or figure.axes[0].get_title(loc="left")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    pyplot.close(figure)
    return file.getvalue(), title.replace("\n", " ")


def notebook(chapter: Path) -> str:
    """A chapter as a notebook that was not run, in JSON (nbformat 4)."""
    parts = []
    for is_text, body, line in cells(chapter):
        body = _LINK.sub(r"\1.ipynb", body) if is_text else body
        part = {"id": f"line-{line}", "metadata": {}, "source": body.splitlines(keepends=True)}
        code = {"cell_type": "code", "execution_count": None, "outputs": []}
        parts.append(part | ({"cell_type": "markdown"} if is_text else code))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel}
    return json.dumps({"cells": parts, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
