"""The movie snippets, from the package index."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from zoo.datasets.corpora import PACKAGED
from zoo.datasets.corpora.movie_snippets import MovieSnippets, read_snippets, split_of
from zoo.datasets.text_classification import load
from zoo.errors import UserError


@pytest.fixture
def snippets(shared_cache):
    return list(read_snippets())


def test_texts_occur_once_and_are_not_neutral(snippets):
    texts = [text for text, _ in snippets]
    assert len(texts) == len(set(texts)) == 10_070
    ratings = np.array([rating for _, rating in snippets])
    assert (np.abs(ratings) >= 0.5).all()
    assert (np.abs(ratings) <= 4).all()


def test_splits_are_independent_of_each_other(snippets):
    splits = [split_of(text) for text, _ in snippets]
    for split, share in (("test", 0.2), ("validation", 0.08), ("train", 0.72)):
        assert splits.count(split) / len(splits) == pytest.approx(share, abs=0.01)


def test_loads_by_name_and_keeps_what_it_prepared(shared_cache, snippets, monkeypatch):
    data = tfds.load("movie_snippets", data_dir=shared_cache / "by-name", batch_size=-1)
    ratings = dict(snippets)
    seen = 0
    for split, examples in tfds.as_numpy(data).items():
        columns = (examples["text"], examples["label"], examples["rating"])
        for text, label, rating in zip(*columns, strict=True):
            assert split_of(text.decode()) == split
            assert ratings[text.decode()] == pytest.approx(rating)
            assert label == (rating > 0)
        seen += len(examples["text"])
    assert seen == len(snippets)

    monkeypatch.setenv("ZOO_CACHE", str(shared_cache / "not-there"))
    again = tfds.load("movie_snippets", split="test", data_dir=shared_cache / "by-name")
    assert again.cardinality() == len(data["test"]["text"])


def test_says_where_it_comes_from(tmp_path):
    info = MovieSnippets(data_dir=tmp_path).info
    assert info.features["label"].names == ["neg", "pos"]
    assert info.supervised_keys == ("text", "label")
    assert "MIT" in info.redistribution_info.license
    assert "Hutto" in info.citation
    assert MovieSnippets.name in PACKAGED


@pytest.mark.usefixtures("empty_cache", "unconfigured_pip")
def test_without_network_the_builder_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    builder = MovieSnippets(data_dir=tmp_path)
    with pytest.raises(UserError, match=r"cannot fetch vaderSentiment-3\.3\.2\.tar\.gz"):
        builder.download_and_prepare()
    assert not list((tmp_path / "movie_snippets").glob("*"))


def test_preparing_writes_nothing_on_standard_output(shared_cache, snippets, empty_cache, capfd):
    empty_cache.mkdir()
    (empty_cache / "packages").symlink_to(shared_cache / "packages")
    assert len(load(limit=5).train) == 5
    assert (empty_cache / "tensorflow_datasets" / "movie_snippets").is_dir()
    assert capfd.readouterr().out == ""
