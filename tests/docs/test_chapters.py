"""Chapters of the notes: their form. `make docs`, which `.ci/run` calls, runs them all."""

import json
import re

import pytest
import yaml
from support.pages import ROOT

from docs import chapters

CHAPTER = """# %% [markdown]
# # A title
#
# See [cells](cells.py#lstm).

# %%
import matplotlib.pyplot as plt

print("one")

# %%
figure, axes = plt.subplots()
axes.set_title("A claim")
"""


def titles():
    """The titles of the chapters by their names, in the order of the navigation."""
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    (learn,) = (part["Learn"] for part in navigation if "Learn" in part)
    (_, _, *pages), *_ = (part["The notes"] for part in learn if "The notes" in part)
    names = [re.fullmatch(r"notes/(\w+)\.md", page)[1] for page in pages]
    return {name: title_of(chapters.FOLDER / f"{name}.py") for name in names}


def title_of(chapter):
    return re.match(r"# %% \[markdown\]\n# # (.+)\n", chapter.read_text())[1]


def test_every_chapter_stands_in_the_navigation_and_in_the_index_and_leads_to_the_next():
    expected = titles()
    assert set(expected) == {chapter.stem for chapter in chapters.FOLDER.glob("*.py")}
    index = (chapters.FOLDER / "index.md").read_text()
    listed = re.findall(r"^\| \[(.+?)\]\((\w+)\.py\) \| [^|]+\. \|$", index, re.M)
    assert [(name, title) for title, name in listed] == list(expected.items())
    ends = [f"Next: [{title}]({name}.py)." for name, title in expected.items()]
    for name, end in zip(expected, [*ends[1:], "Back to [the notes](index.md)."], strict=True):
        assert (chapters.FOLDER / f"{name}.py").read_text().endswith(f"\n# {end}\n"), name


def test_a_page_shows_text_code_what_it_printed_and_figures(tmp_path):
    (tmp_path / "first.py").write_text(CHAPTER)
    made = chapters.page_and_figures(tmp_path / "first.py")
    assert set(made) == {"first.md", "first_1.png"}
    assert made["first_1.png"].startswith(b"\x89PNG")
    page = made["first.md"]
    assert page.startswith("# A title\n\nSee [cells](cells.md#lstm).\n\n[Download as a notebook]")
    assert 'print("one")\n```\n\n```text\none\n```\n\n```python\nfigure, axes' in page
    assert page.endswith("```\n\n![A claim](first_1.png)")


def test_a_notebook_has_the_same_cells(tmp_path):
    (tmp_path / "first.py").write_text(CHAPTER)
    notebook = json.loads(chapters.notebook(tmp_path / "first.py"))
    assert [cell["cell_type"] for cell in notebook["cells"]] == ["markdown", "code", "code"]
    assert "".join(notebook["cells"][0]["source"]).endswith("[cells](cells.ipynb#lstm).")


def test_a_chapter_that_fails_stops_the_build_and_names_its_line(tmp_path):
    (tmp_path / "first.py").write_text(CHAPTER + "\n# %%\nassert 1 == 2\n")
    with pytest.raises(AssertionError) as caught:
        chapters.page_and_figures(tmp_path / "first.py")
    last = caught.traceback[-1]
    assert (last.path.name, last.lineno + 1) == ("first.py", CHAPTER.count("\n") + 3)
