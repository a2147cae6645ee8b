"""The movie snippets, the sentences of CoNLL-2003 and the works of Shakespeare, as released."""

from collections import Counter

import pytest

from zoo.datasets.corpora.conll2003_english import TAGS, Conll2003English
from zoo.datasets.corpora.movie_snippets import read_snippets, split_of
from zoo.datasets.corpora.shakespeare import TEST, VALIDATION, read_works

# Sentences, tokens and entities, as the shared task's paper counts them.
COUNTS = {
    "train": (14_041, 203_621, {"LOC": 7140, "MISC": 3438, "ORG": 6321, "PER": 6600}),
    "validation": (3_250, 51_362, {"LOC": 1837, "MISC": 922, "ORG": 1341, "PER": 1842}),
    "test": (3_453, 46_435, {"LOC": 1668, "MISC": 702, "ORG": 1661, "PER": 1617}),
}
POEMS = {"Sonnets", "The Rape of Lucrece", "A Lover's Complaint"}


def test_snippets_have_the_label_of_their_rating_and_the_split_of_their_text(
    packaged, shared_cache
):
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
    first = splits["train"][0]
    assert first.tokens == [
        "EU",
        "rejects",
        "German",
        "call",
        "to",
        "boycott",
        "British",
        "lamb",
        ".",
    ]
    assert first.tags == ["B-ORG", "O", "B-MISC", "O", "O", "O", "B-MISC", "O", "O"]


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
