"""What MkDocs does besides: pages from the rest of the repository, and equations as MathML.

The README, the guide for contributors, the changes, the benchmarks and the model cards are pages of
the site where they lie, so that nothing is written twice. Links between files of the repository,
which work on a code host, become links between pages.
"""

import html
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

import griffe
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Files of the repository outside docs/, and the pages that they become."""

_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)#\s]*)(?=[)#])")
_CHAPTER = re.compile(r"(?<=^notes/)(\w+)\.py$")
_MATH = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
_STEP = re.compile(r"<(/?)(t(?:[-+]1)?|T_[xy]|EOS|UNK)>", re.IGNORECASE)


class Once(griffe.Extension):
    """Shows a name of the reference where it is defined, and not again in its package."""

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        for module in (pkg, *_modules(pkg)):
            for member in module.members.values() if module.is_init_module else ():
                if member.is_alias:
                    member.public = False


def pages() -> dict[str, str]:
    """The files of the repository that the site holds, by path, and where it holds them."""
    found = dict(PAGES)
    for card in sorted(ROOT.glob("saved_models/*/README.md")):
        if (card.parent / "metrics.json").exists() and _ships(card.parent.name):
            home = f"models/{card.parent.name}"
            found[f"saved_models/{card.parent.name}/README.md"] = f"{home}/index.md"
            for picture in card.parent.glob("*.png"):
                found[picture.relative_to(ROOT).as_posix()] = f"{home}/{picture.name}"
    return found


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages from outside docs/."""
    for source, page in pages().items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turns links to files of the repository into links to their pages."""
    own = {page_path: source for source, page_path in pages().items()}
    here = posixpath.dirname(own.get(page.file.src_uri, f"docs/{page.file.src_uri}"))

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(here, match[1])) if match[1] else ""
        site = pages().get(target) or _CHAPTER.sub(r"\1.md", target.removeprefix("docs/"))
        return posixpath.relpath(site, posixpath.dirname(page.file.src_uri) or ".")

    return _LINK.sub(link, markdown)


def on_page_content(content: str, **_: object) -> str:
    """Typesets equations, and shows x<t> as it is written: Markdown takes it for a tag."""
    content = _MATH.sub(_mathml, content)
    return _STEP.sub(r"&lt;\1\2&gt;", content)


def _mathml(match: re.Match[str]) -> str:
    display = "block" if match[1] == "div" else "inline"
    return convert(html.unescape(match[2]).strip(), display=display)


def _modules(module: griffe.Module) -> Iterator[griffe.Module]:
    for member in module.members.values():
        if isinstance(member, griffe.Module):
            yield member
            yield from _modules(member)


def _ships(name: str) -> bool:
    """Whether a model is part of the repository, and not one that was trained here."""
    return f"!/saved_models/{name}/\n" in (ROOT / ".gitignore").read_text()
