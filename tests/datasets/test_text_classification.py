"""Labelled texts: their labels, and corpora of TensorFlow Datasets."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from support.corpus_case import CASES, tfds_corpus
from support.refusals import refused

from zoo.datasets.text_classification import LabelledTexts, carve, from_file, from_files, load


@pytest.fixture
def write_rows(write):
    return lambda name, rows: write(name, "\n".join(["text,label", *map(",".join, rows)]))


def rows(examples, labels=("neg", "pos")):
    return [(f"text {i}", labels[i % len(labels)]) for i in range(examples)]


def test_labels_are_those_of_training_in_order(write_rows):
    some, other = write_rows("a.csv", [("a", "pos"), ("b", " neg ")]), [("c", "pos"), ("d", "x")]
    data = from_files(some, *[write_rows("b.csv", other[:1])] * 2)
    assert data.label_names == ("neg", "pos")
    assert data.train.labels.tolist() == [1, 0]
    assert data.test.labels.tolist() == [1]
    assert from_file(some, ("pos", "neg", "other")).labels.tolist() == [0, 1]
    message = r"b\.csv: line 3 has the label 'x', which is not one of 'neg', 'pos'"
    refused(message, from_files, some, write_rows("b.csv", other))
    refused(message, from_file, write_rows("b.csv", other), ("neg", "pos"))


def test_whole_numbers_are_labels_in_numeric_order(write_rows):
    numbers = from_files(write_rows("a.csv", rows(60, labels=("10", "9", "-1"))))
    assert numbers.label_names == ("-1", "9", "10")
    mixed = from_files(write_rows("a.csv", rows(60, labels=("10", "9", "x"))))
    assert mixed.label_names == ("10", "9", "x")


def test_a_rare_label_stays_in_training_and_a_text_of_two_on_one_side(write_rows):
    data = from_files(write_rows("a.csv", [*rows(50), ("odd", "rare")]))
    rare = data.label_names.index("rare")
    assert (rare in data.train.labels, rare in data.test.labels) == (True, False)
    twice = LabelledTexts([f"text {i}" for i in range(40)] * 2, np.repeat([0, 1], 40))
    rest, aside = carve(twice)
    assert not set(rest.texts) & set(aside.texts)
    assert len(aside) == 8


def test_labels_that_cannot_be_learnt(write_rows):
    alike, unlabelled = rows(9, labels=("pos",)), [("a", "pos"), ("b", " "), ("c", "neg")]
    refused("csv: every row has the label 'pos'", from_files, write_rows("a.csv", alike))
    refused("line 3 has no label", from_files, write_rows("a.csv", unlabelled))


def test_rows_that_look_like_mistakes_are_named(write_rows, caplog):
    """One without a text is left out; a label of one row is a class, but mistyped perhaps."""
    table = write_rows("a.csv", [*rows(300), (" ", "pos"), ("a text", "psi")])
    data = from_files(table, table, table)
    assert (len(data.train), len(data.test), data.label_names) == (301, 301, ("neg", "pos", "psi"))
    left_out = f"left out: {table}: line 302 has no text"
    rare, *named = sorted({record.getMessage() for record in caplog.records})
    assert (named, "labels of a single row: 'psi'" in rare) == ([left_out], True)
    caplog.clear()
    from_files(write_rows("b.csv", [*rows(200), ("a text", "psi")]))
    assert not caplog.records, "too few rows for a rare label to be odd"


LABEL = tfds.features.ClassLabel(names=["no", "yes"])
FEATURES = {"sentence": tfds.features.Text(), "label": LABEL, "id": np.int32}
TRAIN = [{"sentence": f"text {i} é", "label": i % 2, "id": i} for i in range(100)]
HIDDEN = [row | {"label": -1} for row in TRAIN]
tfds_corpus("CorpusOfTests", FEATURES, {"train": TRAIN, "test": HIDDEN})
tfds_corpus("HiddenOfTests", FEATURES, {"train": HIDDEN, "test": HIDDEN})


def by_hand(manager):
    raise AssertionError("Manual directory does not exist.\nCreate it.")


def from_afar(manager):
    manager.download("http://127.0.0.1:9/corpus.zip")


tfds_corpus("CorpusFromAfar", FEATURES, {}, prepare=from_afar)
tfds_corpus("CorpusThatFails", FEATURES, {}, prepare=by_hand)


def test_any_tfds_name_with_a_text_and_a_class_without_hidden_labels(tfds_folder):
    data = load("corpus_of_tests")
    assert (data.label_names, data.description) == (("no", "yes"), "Of tests.")
    splits = CASES["text_classification"].splits(data)
    assert list(map(len, splits)) == [80, 10, 10]
    assert sorted(sum(splits[1:], splits[0])) == sorted((r["sentence"], r["label"]) for r in TRAIN)
    refused("no split named 'train' whose labels are told", load, "hidden_of_tests")
    refused(r"_afar', for 127\.0\.0\.1 cannot be reached", load, "corpus_from_afar")
    refused(r"_fails': Manual directory does not exist\.$", load, "corpus_that_fails")
