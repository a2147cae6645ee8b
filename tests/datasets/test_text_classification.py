"""Labelled texts by name and from users' files."""

import csv
import json
import zlib

import numpy as np
import pytest
import tensorflow_datasets as tfds

from zoo.datasets.text_classification import LabelledTexts, carve, from_file, from_files, load
from zoo.errors import UserError

COLUMNS = ("text", "label")


@pytest.fixture
def write(tmp_path):
    def write(name, rows):
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            if name.endswith(".jsonl"):
                file.writelines(
                    json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in rows
                )
            else:
                csv.writer(file).writerows([COLUMNS, *rows])
        return path

    return write


def rows(examples, labels=("neg", "pos")):
    return [(f"text {i}", labels[i % len(labels)]) for i in range(examples)]


def texts(data):
    return set(data.train.texts), set(data.validation.texts), set(data.test.texts)


def test_movie_snippets_are_the_default(shared_cache):
    data = load()
    assert data.name == "movie_snippets"
    assert data.label_names == ("neg", "pos")
    assert [len(data.train), len(data.validation), len(data.test)] == [7263, 810, 1997]
    assert "MIT" in data.licence
    assert data.citation.startswith("@")
    assert data.homepage.startswith("https://")
    train, validation, test = texts(data)
    assert not train & validation
    assert not train & test
    assert set(data.train.labels) == {0, 1}


def test_limit_keeps_the_same_examples_of_each_split(shared_cache):
    whole, first, second = load(), load(limit=50), load(limit=100)
    for split in ("train", "validation", "test"):
        few, more, every = (getattr(data, split) for data in (first, second, whole))
        assert len(few) == 50
        assert few.texts == more.texts[:50]
        labels = dict(zip(every.texts, every.labels, strict=True))
        assert [labels[text] for text in few.texts] == few.labels.tolist()
    assert set(first.train.labels) == {0, 1}


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_that_leaves_nothing(write, limit):
    with pytest.raises(UserError, match=f"limit of {limit}"):
        from_files(write("train.csv", rows(40)), limit=limit)


def test_three_files(write):
    data = from_files(
        write("train.csv", [("a", "pos"), ("", "neg")]),
        write("validation.jsonl", [("b", "neg")]),
        write("test.csv", [("c", "pos"), ("a", "neg")]),
    )
    assert data.name == "train.csv"
    assert data.label_names == ("neg", "pos")
    assert data.train.texts == ["a", ""]
    assert data.train.labels.tolist() == [1, 0]
    assert data.validation.labels.tolist() == [0]
    assert data.test.texts == ["c", "a"]
    assert data.test.labels.tolist() == [1, 0]


def test_whole_numbers_are_labels_in_numeric_order(write):
    data = from_files(write("train.jsonl", rows(60, labels=(10, 9, -1))))
    assert data.label_names == ("-1", "9", "10")
    mixed = from_files(write("mixed.csv", rows(60, labels=("10", "9", "x"))))
    assert mixed.label_names == ("10", "9", "x")


def test_splits_that_are_not_given_are_set_aside(write):
    data = from_files(write("train.csv", rows(1000)))
    assert [len(data.train), len(data.validation), len(data.test)] == [810, 90, 100]
    train, validation, test = texts(data)
    assert len(train | validation | test) == 1000
    for split in (data.train, data.validation, data.test):
        assert np.bincount(split.labels).tolist() == [len(split) // 2] * 2

    given = from_files(write("train.csv", rows(1000)), test=write("test.csv", rows(10)))
    assert [len(given.train), len(given.validation), len(given.test)] == [900, 100, 10]


def test_what_is_set_aside_depends_on_the_texts_alone():
    def data(indices):
        return LabelledTexts([f"text {i % 100}" for i in indices], np.array(indices) % 2)

    in_order = carve(data(range(200)))
    shuffled = carve(data(np.random.default_rng(0).permutation(200)))
    for one, other in zip(in_order, shuffled, strict=True):
        assert sorted(one.texts) == sorted(other.texts)
    rest, aside = map(set, (in_order[0].texts, in_order[1].texts))
    assert not rest & aside  # each text occurs twice
    for label in (0, 1):
        of_label = [f"text {i}" for i in range(label, 100, 2)]
        lowest = sorted(of_label, key=lambda text: zlib.crc32(text.encode()))[:5]
        assert aside & set(of_label) == set(lowest)


def test_a_rare_label_stays_in_training(write):
    data = from_files(write("train.csv", [*rows(50), ("odd", "rare")]))
    rare = data.label_names.index("rare")
    assert rare in data.train.labels
    assert rare not in data.test.labels


def test_a_text_with_two_labels_lands_on_one_side():
    data = LabelledTexts([f"text {i}" for i in range(40)] * 2, np.repeat([0, 1], 40))
    rest, aside = carve(data)
    assert not set(rest.texts) & set(aside.texts)
    assert len(aside) == 8


def test_too_few_examples_to_set_any_aside(write):
    with pytest.raises(UserError, match="too few examples to set a test split aside"):
        from_files(write("train.csv", rows(2)))


def test_one_class_only(write):
    with pytest.raises(UserError, match=r"train\.csv: every row has the label 'pos'"):
        from_files(write("train.csv", rows(9, labels=("pos",))))


def test_a_label_that_training_does_not_have_names_its_line(write):
    other = write("validation.csv", [("a", "pos"), ("b", "posi")])
    with pytest.raises(UserError, match=r"validation\.csv: line 3 .*'posi'.*'neg', 'pos'"):
        from_files(write("train.csv", rows(40)), other)


def test_a_row_without_a_label(write):
    with pytest.raises(UserError, match="line 3 has no label"):
        from_files(write("train.csv", [("a", "pos"), ("b", " "), ("c", "neg")]))


def test_a_file_with_the_labels_of_a_model(write):
    path = write("a.csv", [("a", "pos"), ("b", " neg ")])
    assert from_file(path, ("pos", "neg", "other")).labels.tolist() == [0, 1]
    assert len(from_file(path, ("pos", "neg"), limit=1)) == 1
    with pytest.raises(UserError, match=r"line 3 has the label 'neg'.*not one of 'pos', 'mixed'"):
        from_file(path, ("pos", "mixed"))


class CorpusOfTests(tfds.core.GeneratorBasedBuilder):
    """A text, a class and more, without a validation split, and a test split of hidden labels."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "sentence": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["no", "yes"]),
            "id": np.int32,
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features), description="Of tests."
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(0), "test": self._generate_examples(-1)}

    def _generate_examples(self, hidden):
        for i in range(100):
            yield i, {"sentence": f"text {i} é", "label": hidden or i % 2, "id": i}


class CorpusFromAfar(CorpusOfTests):
    """A corpus whose server cannot be reached."""

    VERSION = tfds.core.Version("1.0.0")

    def _split_generators(self, dl_manager):
        dl_manager.download("http://127.0.0.1:9/corpus.zip")


class CorpusThatFails(CorpusOfTests):
    """A corpus that has to be downloaded by hand, and says so in more than one line."""

    VERSION = tfds.core.Version("1.0.0")

    def _split_generators(self, dl_manager):
        raise AssertionError("Manual directory does not exist.\nCreate it.")


class TwoTextsOfTests(CorpusOfTests):
    """Two texts and no class."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {"source": tfds.features.Text(), "target": tfds.features.Text()}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))


@pytest.fixture
def tfds_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "tfds"))


def test_any_tfds_name_with_a_text_and_a_class(tfds_folder):
    data = load("corpus_of_tests")
    assert data.label_names == ("no", "yes")
    assert data.description == "Of tests."
    assert [len(data.train), len(data.validation), len(data.test)] == [80, 10, 10]
    for text, label in zip(data.train.texts, data.train.labels, strict=True):
        assert text == f"text {text.split()[1]} é"
        assert label == int(text.split()[1]) % 2


def test_no_network_for_a_tfds_name(tfds_folder):
    with pytest.raises(UserError, match=r"'corpus_from_afar', for 127\.0\.0\.1 cannot be reached"):
        load("corpus_from_afar")


def test_a_tfds_name_that_cannot_be_prepared(tfds_folder):
    with pytest.raises(UserError, match=r"'corpus_that_fails': Manual directory does not exist\.$"):
        load("corpus_that_fails")


def test_a_tfds_name_of_another_kind_lists_its_features(tfds_folder):
    with pytest.raises(UserError, match=r"'source' \(Text\), 'target' \(Text\)"):
        load("two_texts_of_tests")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("movie_snipets", "did you mean 'movie_snippets'"),
        ("imbd_reviews", "did you mean 'imdb_reviews'"),
        ("imdb_reviews/plain", "'imdb_reviews' has the configurations plain_text"),
        ("reviews.csv", "--data"),
        ("", "give a packaged corpus"),
    ],
)
def test_unknown_name(tfds_folder, name, hint):
    with pytest.raises(UserError, match=f"unknown dataset '{name}'") as raised:
        load(name)
    assert hint in str(raised.value)
    assert "\n" not in str(raised.value)
