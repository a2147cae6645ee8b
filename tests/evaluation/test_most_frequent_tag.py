"""The baseline of tagging: fitted, saved, loaded."""

import pytest

from zoo.datasets.sequence_tagging import TaggedSentences
from zoo.evaluation.baselines import MostFrequentTag


def tagged(*sentences):
    """Sentences from strings such as "Rome/B-LOC is/O"."""
    pairs = [[word.rsplit("/", 1) for word in sentence.split()] for sentence in sentences]
    return TaggedSentences(*([[pair[i] for pair in row] for row in pairs] for i in (0, 1)))


TAGGED = tagged(
    "Rome/B-LOC is/O in/O Italy/B-LOC",
    "AC/B-ORG Rome/I-ORG met/O Rome/B-LOC",
    "Paris/B-PER Hilton/I-PER in/O Paris/B-LOC ./O",
)


def test_a_word_gets_its_most_frequent_tag_and_an_unknown_one_the_most_frequent_of_all():
    baseline = MostFrequentTag.fit(TAGGED)
    found = baseline.tag(tagged("Rome/O Italy/O rome/B-LOC in/B-PER Hilton/O", "😀/B-ORG"))
    assert found == [["B-LOC", "B-LOC", "O", "O", "I-PER"], ["O"]]
    assert baseline.tag(TaggedSentences([], [])) == []


@pytest.mark.parametrize("sentence", ["a/B-X a/B-Y a/B-Y a/B-X", "a/B-Y a/B-X a/B-X a/B-Y"])
def test_of_equally_frequent_tags_it_is_the_first_by_alphabet(sentence):
    baseline = MostFrequentTag.fit(tagged(sentence, "b/I-X"))
    assert baseline.tag(tagged("a/O unknown/O b/O")) == [["B-X", "B-X", "I-X"]]
