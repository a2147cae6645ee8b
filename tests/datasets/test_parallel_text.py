"""Texts with their translations: how files are read, and corpora of TensorFlow Datasets."""

import gzip

import tensorflow_datasets as tfds
from support.corpus_case import CASES, SPLITS, tfds_corpus
from support.refusals import refused

from zoo.datasets import parallel_text
from zoo.datasets.parallel_text import Pairs, from_file, from_files, load
from zoo.text.normalization import tidy

rows, splits = CASES["parallel_text"].examples, CASES["parallel_text"].splits


def test_texts_are_composed_and_have_single_spaces(write):
    content = '\ufeffe\u0301te\u0301\tsummer\r\n\n \t \n a\u00a0 \x07b\x0b \td\u2028d\r\n"q"\t\''
    expected = [("été", "summer"), ("a b", "d d"), ('"q"', "'")]
    assert rows(from_file(write("a.txt", content))) == expected
    assert rows(from_file(write("a.tsv.gz", gzip.compress(content.encode())))) == expected
    assert tidy(" \u3000x\r\x85y\x1f\n") == "x y"


def test_a_file_that_is_no_pairs(write):
    for content, message in (
        ("\u00a0\n\u2003\n", "only white space"),
        ("a\tb\n\nno tab\n", "line 3 has no tabs.*put a tab"),
        ("a\tb\nc\td\tCC-BY\n", r"line 2 has 2 tabs.*cut -f 1,2"),
        ("a\tb\n\tb\n", "line 2 has no source text"),
        ("a\t \x01\n", "line 1 has no target text"),
    ):
        refused(rf"a\.tsv: .*{message}", from_file, write("a.tsv", content))


def test_few_wrong_lines_are_named_and_left_out(write, caplog):
    path = write("a.tsv", 20 * "a\tb\n" + "no tab\n\tno source\n" + "c\td\n")
    assert rows(from_file(path)) == [*20 * [("a", "b")], ("c", "d")]
    for reason in ("line 21 has no tabs", "line 22 has no source"):
        assert f"left out: {path}: {reason}" in caplog.text


def test_a_source_is_in_one_split_only_and_groups_go_along(tmp_path):
    many = [(f"source {i % 50}", f"target {i}") for i in range(200)]
    data = from_files(CASES["parallel_text"].write(tmp_path, many))
    sources = [{source for source, _ in split} for split in splits(data)]
    assert [len(some) for some in sources] == [40, 5, 5]
    assert len(set.union(*sources)) == 50
    pairs = Pairs(tuple("abc"), tuple("ABC"), tuple("123"))
    assert pairs.take([2, 0]) == Pairs(("c", "a"), ("C", "A"), ("3", "1"))


TEXT = tfds.features.Text()
ENGLISH = [{"en": f"Word {i}", "fr": f"Mot  {i}"} for i in range(1500)]
ENGLISH += [{"en": "No answer", "fr": " "}]
TRANSLATION = tfds.features.Translation(languages=("en", "fr"))
tfds_corpus("TranslationOfTests", TRANSLATION, {"train": ENGLISH}, ("fr", "en"))
tfds_corpus("SplitTranslationOfTests", TRANSLATION, dict.fromkeys(SPLITS, ENGLISH), ("en", "fr"))
TWO = {"question": TEXT, "answer": TEXT}
QUESTIONS = [{"question": f"q{i}", "answer": f"a{i}"} for i in range(50)]
tfds_corpus("QuestionsOfTests", TWO, {"train": QUESTIONS})
tfds_corpus("UnansweredOfTests", TWO, {"train": [{"question": "q", "answer": ""}]})
tfds_corpus("OnlyQuestionsInATestOfTests", TWO, {"test": QUESTIONS})


def test_a_tfds_name_is_read_in_the_direction_of_its_supervised_pair(tfds_folder):
    whole, few = load("translation_of_tests"), load("translation_of_tests", limit=100)
    assert list(map(len, splits(whole))) == [1215, 135, 150]
    everything = sorted(pair for split in splits(whole) for pair in split)
    assert everything == sorted((f"Mot {i}", f"Word {i}") for i in range(1500))
    for every, some in zip(splits(whole), splits(few), strict=True):
        assert len(some) == 100
        assert {*some} < {*every}
    data = load("questions_of_tests", limit=3)
    assert list(map(len, splits(data))) == [3, 3, 3]
    assert all(s[0] + t[0] == "qa" and s[1:] == t[1:] for s, t in rows(data.train))


def test_with_a_limit_no_more_is_read_than_needed(tfds_folder, monkeypatch):
    read = []
    monkeypatch.setattr(parallel_text, "tidy", lambda text: read.append(text) or text)
    data = load("split_translation_of_tests", limit=5)
    assert list(map(len, splits(data))) == [5, 5, 5]
    assert len(read) < 3 * 2 * 1500


def test_a_name_without_pairs(tfds_folder):
    for name, locales, message in (
        ("only_questions_in_a_test_of_tests", None, "no split named 'train'"),
        ("unanswered_of_tests", None, "no pair in its split 'train'"),
        ("shakespeare", None, r"not a text with its translation; it has 'title' \(Text\)"),
        ("questions_of_tests", ["de"], "no locales to choose from"),
        ("wmt14_translate/xx-en", None, "fr-en"),
    ):
        refused(message, load, name, locales=locales)
    for published, languages in (("ted_hrlr_translate/pt_to_en", "pt"), ("wmt14_translate", "cs")):
        assert parallel_text._KIND._keys(tfds.builder(published)) == (languages, "en")
