"""Plain text by name and from users' files."""

import gzip

import numpy as np
import pytest
import tensorflow_datasets as tfds
from support.corpus_case import SPLITS, tfds_corpus
from support.refusals import refused

from zoo.datasets import plain_text
from zoo.datasets.plain_text import Documents, carve, from_file, from_files, load

VERSE = "".join(f"line {i} of a verse\n" + "\n" * (i % 4 == 3) for i in range(400))


def documents(data):
    return [getattr(data, split) for split in SPLITS]


def test_a_file_is_a_document_whose_lines_end_with_a_line_feed(write):
    texts = ["Étude\nin C.\n", "b", "  c\n\n"]
    data = from_files(*(write(f"{text.strip()[0]}.txt", text) for text in texts))
    assert data.name == "É.txt"
    assert [split.texts for split in documents(data)] == [(text,) for text in texts]
    assert from_file(write("a.txt", "\ufeffa\r\nb\rc\n")).texts == ("a\nb\nc\n",)
    assert from_file(write("a.txt.gz", gzip.compress(b"a\r\n"))).texts == ("a\n",)
    for content in ("\ufeff", "\u00a0\u2003\n"):
        refused(r"a\.txt: .*only white space", from_file, write("a.txt", content))


def test_splits_that_are_not_given_are_the_end_of_the_text(write):
    train = write("train.txt", VERSE)
    data = from_files(train)
    assert "".join(text for split in documents(data) for text in split.texts) == VERSE
    shares = [split.characters / len(VERSE) for split in documents(data)]
    assert shares == pytest.approx([0.81, 0.09, 0.1], abs=0.01)
    for split in documents(data)[:2]:
        assert split.texts[0].endswith("\n\n")
    given = from_files(train, test=write("test.txt", "The end."))
    assert given.test.texts == ("The end.",)
    assert given.train.texts[0] + given.validation.texts[0] == VERSE


def test_a_part_set_aside_begins_at_the_best_place_near():
    def cut(text):
        rest, aside = carve(Documents((text,)))
        assert rest.texts[0] + aside.texts[0] == text
        return len(rest.texts[0])

    words, run = "word " * 400, "x" * 2000  # cut at 1800, give or take 50
    assert (cut(run), cut(words)) == (1800, 1800)
    at_line = words[:1790] + "\n" + words[1791:]
    assert cut(at_line) == 1791
    assert cut(at_line[:1760] + "\n \n" + at_line[1763:]) == 1763
    assert cut(at_line[:1700] + "\n\n" + at_line[1702:]) == 1791  # the blank line is out of reach


def test_documents_are_kept_whole_where_one_ends_near():
    for lengths, whole in (([100] * 20, 18), ((1790, 210), 1), ((1810, 190), 1)):
        some = Documents(tuple("x" * length for length in lengths))
        assert [part.texts for part in carve(some)] == [some.texts[:whole], some.texts[whole:]]
    draw = np.random.default_rng(0)
    for _ in range(20):
        lengths = draw.integers(200, 3000, size=draw.integers(5, 9))
        several = Documents(tuple("x" * length for length in lengths))
        rest, aside = carve(several)
        assert "".join(rest.texts + aside.texts) == "x" * several.characters
        assert aside.characters / several.characters == pytest.approx(0.1, abs=0.026)


def test_a_text_too_short_to_set_a_part_aside(write):
    for text in ("A short text.", "x" * 999, "x" * 1050, "\n" * 5000 + "x"):
        path = write("short.txt", text)
        refused(r"short\.txt: the text is too short.*2000 characters", from_files, path)
        assert from_files(path, path, path).test.texts == (text,)
    assert from_files(write("long.txt", "x" * 2000)).validation.characters >= 100


def test_limit_cuts_each_split_after_it_is_made(write):
    path = write("train.txt", VERSE)
    whole, some = from_files(path), from_files(path, limit=50)
    for every, few in zip(documents(whole), documents(some), strict=True):
        assert few.texts == (every.texts[0][:50],)
    assert from_file(path, limit=10**9).texts == (VERSE,)
    path = write("train.txt", "\n\n\n" + VERSE)
    for limit in (-1, 0, 3):
        refused(f"limit of {limit} characters leaves no text", from_file, path, limit=limit)


TEXT = tfds.features.Text()
SENTENCES = [{"text": f"Sentence {i} é.", "title": ""} for i in range(999)]
BLANK = {"text": " \n", "title": "a blank one"}
MANY = dict.fromkeys(SPLITS, [{"words": "a b"}] * 500)
tfds_corpus("SentencesOfTests", {"text": TEXT, "title": TEXT}, {"train": [*SENTENCES, BLANK]})
tfds_corpus("SplitSentencesOfTests", {"words": TEXT}, MANY)
tfds_corpus("VerseOfTests", {"verse": TEXT}, {"train": [{"verse": VERSE}]})
tfds_corpus("BlankOfTests", {"verse": TEXT}, {"train": [{"verse": "\n"}]})
tfds_corpus("OnlyATestOfTests", {"verse": TEXT}, {"test": [{"verse": VERSE}]})
tfds_corpus("PairsOfTests", {"de": TEXT, "en": TEXT}, {"train": []})


def test_a_tfds_name_of_one_long_text_or_many_documents(tfds_folder):
    data = load("verse_of_tests")
    assert "".join(text for split in documents(data) for text in split.texts) == VERSE
    data, few = load("sentences_of_tests"), load("sentences_of_tests", limit=100)
    texts = [text for split in documents(data) for text in split.texts]
    assert sorted(texts) == sorted(example["text"] for example in SENTENCES)
    assert [len(split) for split in documents(data)] == pytest.approx([800, 100, 100], abs=1)
    for some, every in zip(documents(few), documents(data), strict=True):
        assert some.characters == 100
        assert "".join(every.texts).startswith("".join(some.texts))
    refused(r"'de' \(Text\), 'en' \(Text\)", load, "pairs_of_tests")
    refused("no split named 'train'", load, "only_a_test_of_tests")
    refused("no text in its split 'train'", load, "blank_of_tests")


def test_with_a_limit_no_more_is_read_than_needed(tfds_folder, monkeypatch):
    read, without_blank = [], plain_text._without_blank
    monkeypatch.setattr(
        plain_text, "_without_blank", lambda texts: read.append(len(texts)) or without_blank(texts)
    )
    assert load("split_sentences_of_tests", limit=5).test.texts == ("a b", "a ")
    assert max(read) < 500
