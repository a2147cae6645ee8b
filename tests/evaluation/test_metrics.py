"""Figures of merit: of labels, of tags, of translations and their lengths."""

import random
import warnings

import numpy as np
import pytest

from zoo.evaluation.classification import classification_metrics
from zoo.evaluation.tagging import tagging_metrics
from zoo.evaluation.translation import source_lengths, translation_metrics


def test_figures_of_labels():
    draw = np.random.default_rng(0)
    probabilities = draw.dirichlet(np.ones(3), size=50)
    labels, predicted = draw.integers(3, size=50), probabilities.argmax(axis=1)
    found = classification_metrics(labels, probabilities)
    matrix = np.zeros((3, 3), int)
    np.add.at(matrix, (labels, predicted), 1)
    assert found["confusion_matrix"] == matrix.tolist()
    assert found["accuracy"] == pytest.approx(np.trace(matrix) / 50)
    assert found["loss"] == pytest.approx(-np.log(probabilities[range(50), labels]).mean())
    assert found["examples"] == 50
    assert classification_metrics([0], np.array([[0.0, 1.0]]))["loss"] < 30  # not infinite


@pytest.mark.parametrize(
    ("true", "found"), [("O O", "O O"), ("O O", "B-A I-A"), ("B-A I-A", "O O"), ("B-A", "B-a-b")]
)
def test_figures_of_no_right_span_are_0(true, found):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = tagging_metrics([true.split()], [found.split()])
    assert (figures["f1"], figures["precision"], figures["recall"]) == (0, 0, 0)
    kinds = {tag[2:] for tag in (*true.split(), *found.split()) if tag != "O"}
    assert figures["per_type"].keys() == kinds
    assert figures["token_accuracy"] == (true == found)


def test_figures_of_translations():
    texts = (("a", "b", "c"), ("x y z w", "1 2 3 4", "k"), ("one", "one", "two"))
    found = translation_metrics(["x y z w", "1 2 3 5", "k"], *texts)
    assert found["exact_match"] == pytest.approx(2 / 3)
    assert found["exact_match_by_group"] == {"one": 0.5, "two": 1.0}
    assert (found["sentences"], found["examples"]) == (3, 3)
    assert 0 < found["bleu"] < 100
    assert "version" in found["bleu_signature"]
    assert "by_source_length" not in found
    assert translation_metrics(list(texts[1]), *texts)["chrf"] == pytest.approx(100)
    assert "exact_match_by_group" not in translation_metrics(list(texts[1]), *texts[:2])


def texts_of(lengths):
    return [" ".join(["word"] * length) for length in lengths]


def test_each_text_is_in_the_group_of_its_length():
    lengths = random.Random(1).choices(range(1, 25), k=900)
    groups = source_lengths(texts_of(lengths))
    assert [(g.least, g.most) for g in groups] == [(1, 5), (6, 10), (11, 15), (16, 20), (21, 25)]
    assert sorted(place for group in groups for place in group.places) == list(range(900))
    for group in groups:
        assert all(group.least <= lengths[place] <= group.most for place in group.places)
        assert len(group.places) >= 50


def test_few_texts_join_their_neighbours():
    """The first with the next, the last with the one before."""
    lengths = [2] * 49 + [9] * 60 + [12] * 50 + [40] * 3
    groups = source_lengths(texts_of(lengths))
    assert [(g.least, g.most, len(g.places)) for g in groups] == [(1, 10, 109), (11, 40, 53)]
    assert [(g.least, g.most) for g in source_lengths(texts_of([3, 30]))] == [(1, 30)]
    assert source_lengths([]) == []
