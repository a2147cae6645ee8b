"""What holds of every kind of corpus: splits, limits, what is set aside, and what is refused."""

import itertools
import zlib

import numpy as np
import pytest
import tensorflow_datasets as tfds
from support.corpus_case import CASES, KINDS, SPLITS, tfds_corpus
from support.refusals import refused

from zoo.datasets.corpora import packaged_names

pytestmark = pytest.mark.usefixtures("tfds_folder", "empty_cache")
tfds_corpus("OtherKindOfTests", {"image": tfds.features.Image(), "id": np.int32}, {"train": []})


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def test_three_files_are_three_splits(case, tmp_path):
    some = case.some(9)
    parts = [some[:4], some[4:6], some[6:]]
    paths = [case.write(tmp_path, *part) for part in zip(parts, SPLITS, strict=True)]
    data = case.kind.from_files(*paths)
    assert data.name == paths[0].name
    assert case.splits(data) == parts
    assert case.examples(case.read(paths[2])) == parts[2]


def test_splits_that_are_not_given_are_set_aside(case, tmp_path):
    some = case.some(200)
    path = case.write(tmp_path, some)
    splits = case.splits(case.kind.from_files(path))
    assert list(map(len, splits)) == [162, 18, 20]
    assert sorted(itertools.chain(*splits)) == sorted(some)
    assert case.splits(case.kind.from_files(path)) == splits
    given = case.kind.from_files(path, test=case.write(tmp_path, some[:3], "test"))
    assert list(map(len, case.splits(given))) == [180, 20, 3]


def test_what_is_set_aside_depends_on_the_examples_alone(case, tmp_path):
    """Equal ones are on one side, and each label gives its tenth."""
    once = case.some(100)
    labels = [row[1] for row in once] if case.labels == ("neg", "pos") else [0] * 100
    expected = []
    for label in {*labels}:
        of_label = [row for row, own in zip(once, labels, strict=True) if own == label]
        of_label.sort(key=lambda row: zlib.crc32(case.key(row)))
        expected += of_label[: len(of_label) // 10]
    data = case.read(case.write(tmp_path, once * 2))
    for order in (range(200), np.random.default_rng(0).permutation(200)):
        rest, aside = map(case.examples, case.kind.carve(data.take(order)))
        assert sorted(aside) == sorted(expected * 2)
        assert sorted(rest + aside) == sorted(once * 2)
        assert not {*rest} & {*aside}


def test_too_few_examples_to_set_some_aside(case, tmp_path):
    path = case.write(tmp_path, case.some(2))
    message = rf"{path.name}: too few examples to set a (test|validation) split aside"
    refused(message, case.kind.from_files, path)
    assert len(case.kind.from_files(path, path, path).test) == 2


def test_a_limit_keeps_the_same_examples(case, tmp_path):
    path = case.write(tmp_path, case.some(200))
    from_files = case.kind.from_files
    whole, more, few = (case.splits(from_files(path, limit=n)) for n in (None, 15, 7))
    for every, some, least in zip(whole, more, few, strict=True):
        assert len(some) == 15
        assert {*some} < {*every}
        assert some != every[:15]  # they are drawn
        assert least == some[:7]
    assert len(case.read(path, limit=7)) == 7
    refused("limit of 0 leaves no example", from_files, path, limit=0)


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_cannot_be_read(name, tmp_path):
    file = CASES[name].file if name in CASES else ".txt"
    path = tmp_path / f"a{file}"
    for content, message in (
        (b" \n\n", "the file is empty"),
        ("caf\xe9 [".encode("latin-1"), r"the byte at offset 3 \(line 1\) is not UTF-8"),
        ("a b".encode("utf-16"), "UTF-16"),
        (b"PK\x00\x01", "binary file"),
    ):
        path.write_bytes(content)
        for read in (KINDS[name].from_file, KINDS[name].from_files):
            refused(rf"a\{file}: .*{message}", read, path)
            refused("no such file", read, tmp_path / f"absent{file}")
    if name not in ("music", "video"):  # which read folders
        (tmp_path / f"folder{file}").mkdir()
        refused("cannot be read", KINDS[name].from_file, tmp_path / f"folder{file}")


@pytest.mark.parametrize("name", KINDS)
def test_unknown_names_and_those_of_another_kind(name):
    load, packaged = KINDS[name].load, packaged_names(name)
    near = packaged[0] + "x"
    refused(f"unknown dataset '{near}': did you mean .*{packaged[0]}'", load, near)
    refused("unknown dataset 'mine.csv': read a file of your own with --data", load, "mine.csv")
    refused(rf"unknown dataset '': give a packaged corpus \({', '.join(packaged)}\)", load, "")
    refused("'imdb_reviews' has the configurations plain_text", load, "imdb_reviews/plain")
    message = "'image' .Image., 'id' .Tensor."
    if name == "music":
        message = "no corpus of scores, it does not hold pitches"
    refused(f"'other_kind_of_tests' is .*{message}", load, "other_kind_of_tests")
