"""A dictionary learnt from translations: the first IBM model."""

import pytest
from support.translation_pairs import _WORDS, pairs

from zoo.evaluation.baselines import Dictionary
from zoo.evaluation.baselines.dictionary import words


def test_learns_the_words_of_a_small_language():
    found = Dictionary.fit(pairs().sources, pairs().targets)
    assert found.translate(["the old dog sees a cat"]) == ["le vieux chien voit a chat"]
    for source, target in _WORDS.items():
        assert found.translate([source]) == [target]


def test_against_expectation_maximisation_in_plain_python():
    sources, targets = ["a b", "b c", "a"], ["x y", "y z", "x w"]
    names = sorted({w for text in targets for w in text.split()})
    t = {e: dict.fromkeys(names, 1.0) for e in ("", "a", "b", "c")}
    for _ in range(5):
        counts = {e: dict.fromkeys(names, 0.0) for e in t}
        for source, target in zip(sources, targets, strict=True):
            left = ["", *source.split()]
            for f in target.split():
                total = sum(t[e][f] for e in left)
                for e in left:
                    counts[e][f] += t[e][f] / total
        t = {e: {f: v / sum(row.values()) for f, v in row.items()} for e, row in counts.items()}
    found = Dictionary.fit(sources, targets)
    for e in "abc":
        best = max(t[e].values())
        assert t[e][found.translate([e])[0]] == pytest.approx(best)


def test_words():
    assert words("L'homme n’est pas là, dit-il.") == [
        *("L'homme", "n’est", "pas", "là", ",", "dit", "-", "il", ".")
    ]
