"""The baseline of text classification: fitted, saved, loaded, refused."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.evaluation.baselines import LinearTextBaseline

TEXTS = ["good, really good", "a good one", "bad", "so bad!", "fair enough", "only fair"]
LABELS = np.array([0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize("examples", [4, 6], ids=["two classes", "three classes"])
def test_accuracy(examples):
    baseline = LinearTextBaseline.fit(TEXTS[:examples], LABELS[:examples])
    assert baseline.accuracy(TEXTS[:examples], LABELS[:examples]) == 1
    assert baseline.accuracy(["bad", "good"], np.array([1, 1])) == 0.5


@pytest.mark.parametrize("texts", [["A C", "A A", "G T", "T T"], ["☺", "☺ !", "☹", "☹ !"]])
def test_words_of_one_character_count(texts):
    labels = np.array([0, 0, 1, 1])
    assert LinearTextBaseline.fit(texts, labels).accuracy(texts, labels) == 1


def test_one_class_is_refused():
    with pytest.raises(UserError, match="2 training examples are all of one class"):
        LinearTextBaseline.fit(TEXTS[:2], LABELS[:2])


@pytest.mark.parametrize("texts", [["", " ", "\t", ""], [f"w{i}" for i in range(200)]])
def test_no_words_in_common_are_refused(texts):
    with pytest.raises(UserError, match="no words in common"):
        LinearTextBaseline.fit(texts, np.arange(len(texts)) % 2)
