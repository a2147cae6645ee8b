"""The simple baselines: what each answers, and their files, whatever happens to these."""

import itertools
import math

import numpy as np
import pytest
from support.refusals import refused
from support.translation_pairs import _WORDS, pairs

from zoo.datasets.sequence_tagging import TaggedSentences
from zoo.errors import UserError
from zoo.evaluation.baselines import (
    ChordBigrams,
    Dictionary,
    KneserNey,
    LinearTextBaseline,
    MostFrequentTag,
)
from zoo.evaluation.baselines.dictionary import words

SENTENCES = TaggedSentences([["Rome", "is", "x\0", '"', ""]], [["B-LOC", "O", "B-é", "B-é", "O"]])
STREAM = np.random.default_rng(0).integers(1, 9, 100)
TEXTS = [
    "good, really good",
    f"a good {'x' * 100_000}",
    "bad",
    "so bad!",
    "fair enough",
    "only fair",
]
LABELS = np.array([0, 0, 1, 1, 2, 2])
SYMBOLS = 4  # with padding: 1, 2 and 3 are what a voice can have
A, B, C = (1, 2), (2, 2), (3, 1)
PIECES = [np.array([A, B, A, B, C]), np.array([A, A])]
# How each is fitted, and what it says.
BASELINES = {
    "linear": (
        lambda: LinearTextBaseline.fit(TEXTS, LABELS),
        lambda model: model.accuracy([*TEXTS, "good bad"], [*LABELS, 0]),
    ),
    "tags": (lambda: MostFrequentTag.fit(SENTENCES), lambda model: model.tag(SENTENCES)),
    "n-grams": (
        lambda: KneserNey.fit(STREAM, vocabulary_size=9, order=3),
        lambda model: model.perplexity(STREAM[::-1], 1),
    ),
    "chords": (
        lambda: ChordBigrams.fit(PIECES, PIECES[:1], SYMBOLS),
        lambda model: [model.nll_per_step(PIECES, order) for order in (1, 2)],
    ),
    "dictionary": (
        lambda: Dictionary.fit(pairs().sources, pairs().targets),
        lambda model: model.translate(pairs().sources[:5]),
    ),
}
KINDS = pytest.mark.parametrize(("fitted", "answer"), BASELINES.values(), ids=BASELINES)


@KINDS
def test_saved_and_loaded(tmp_path, fitted, answer):
    baseline = fitted()
    baseline.save(tmp_path / "baseline.npz")
    assert (tmp_path / "baseline.npz").stat().st_size < 10_000
    assert answer(type(baseline).load(tmp_path / "baseline.npz")) == answer(baseline)


@KINDS
@pytest.mark.parametrize(
    "damage", ["missing", "empty", "truncated", "text", "other arrays", "one array", "a list"]
)
def test_damaged_file_is_refused(tmp_path, fitted, answer, damage):
    path = tmp_path / "baseline.npz"
    baseline = fitted()
    baseline.save(path)
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "other arrays":
        np.savez(path, words="a")
    elif damage == "a list":
        np.savez(path, tags="[1]", default="O")
    elif damage == "one array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        path.write_bytes({"empty": b"", "truncated": content[:200], "text": b"words"}[damage])
    refused(r"baseline\.npz: the baseline cannot be read", type(baseline).load, path)


@KINDS
def test_any_damaged_byte_is_refused_or_does_no_harm(tmp_path, fitted, answer):
    path = tmp_path / "baseline.npz"
    baseline = fitted()
    baseline.save(path)
    content = path.read_bytes()
    damaged = 0
    for position in range(0, len(content), 7):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]
        )
        try:
            type(baseline).load(path)
        except UserError:
            damaged += 1
    assert damaged > len(content) // 30


@pytest.mark.parametrize("examples", [4, 6], ids=["two classes", "three classes"])
def test_texts_by_their_words(examples):
    baseline = LinearTextBaseline.fit(TEXTS[:examples], LABELS[:examples])
    assert baseline.accuracy(TEXTS[:examples], LABELS[:examples]) == 1
    assert baseline.accuracy(["bad", "good"], np.array([1, 1])) == 0.5


@pytest.mark.parametrize("texts", [["A C", "A A", "G T", "T T"], ["☺", "☺ !", "☹", "☹ !"]])
def test_words_of_one_character_count(texts):
    labels = np.array([0, 0, 1, 1])
    assert LinearTextBaseline.fit(texts, labels).accuracy(texts, labels) == 1


def test_texts_that_teach_nothing_are_refused():
    fit = LinearTextBaseline.fit
    refused("2 training examples are all of one class", fit, TEXTS[:2], LABELS[:2])
    for texts in (["", " ", "\t", ""], [f"w{i}" for i in range(200)]):
        refused("no words in common", fit, texts, np.arange(len(texts)) % 2)


def tagged(*sentences):
    """Sentences from strings such as "Rome/B-LOC is/O"."""
    pairs = [[word.rsplit("/", 1) for word in sentence.split()] for sentence in sentences]
    return TaggedSentences(*([[pair[i] for pair in row] for row in pairs] for i in (0, 1)))


def test_a_word_gets_its_most_frequent_tag_and_an_unknown_one_the_most_frequent_of_all():
    sentences = tagged(
        "Rome/B-LOC is/O in/O Italy/B-LOC",
        "AC/B-ORG Rome/I-ORG met/O Rome/B-LOC",
        "Paris/B-PER Hilton/I-PER in/O Paris/B-LOC ./O",
    )
    baseline = MostFrequentTag.fit(sentences)
    found = baseline.tag(tagged("Rome/O Italy/O rome/B-LOC in/B-PER Hilton/O", "😀/B-ORG"))
    assert found == [["B-LOC", "B-LOC", "O", "O", "I-PER"], ["O"]]
    assert baseline.tag(TaggedSentences([], [])) == []


@pytest.mark.parametrize("sentence", ["a/B-X a/B-Y a/B-Y a/B-X", "a/B-Y a/B-X a/B-X a/B-Y"])
def test_of_equally_frequent_tags_it_is_the_first_by_alphabet(sentence):
    baseline = MostFrequentTag.fit(tagged(sentence, "b/I-X"))
    assert baseline.tag(tagged("a/O unknown/O b/O")) == [["B-X", "B-X", "I-X"]]


def bigrams(discount=0.5):
    start = np.zeros((1, 2), int)
    chords = np.concatenate([part for piece in PIECES for part in (start, piece)])
    return ChordBigrams(chords, SYMBOLS, discount)


def probability(model, before, chord, order=2):
    """P of a chord after another: of a piece of both, less that of the first alone."""
    both = 2 * model.nll_per_step([np.array([before, chord])], order)
    return math.exp(model.nll_per_step([np.array([before])], order) - both)


def test_bigrams_of_chords_by_hand():
    model = bigrams()
    p0 = (4 + 1) / 10 * (6 + 1) / 10  # of A: 4 of 7 highest voices are 1, and 6 lower ones are 2
    p1 = (4 - 0.5) / 7 + 0.5 * 3 / 7 * p0  # 4 of the 7 chords are A; there are 3 different ones
    after_b = (1 - 0.5) / 2 + 0.5 * 2 / 2 * p1  # B is followed by A and by C
    assert probability(model, B, A, order=1) == pytest.approx(p1)
    assert probability(model, B, A) == pytest.approx(after_b)
    first = (2 - 0.5) / 2 + 0.5 * 1 / 2 * p1  # both pieces begin with A
    assert model.nll_per_step([np.array([A])]) == pytest.approx(-math.log(first))
    assert probability(model, (1, 3), A) == pytest.approx(p1)  # never seen


def test_all_chords_have_probability_one():
    chords, model = [*itertools.product(range(1, SYMBOLS), repeat=2)], bigrams(0.7)
    for order, before in itertools.product((1, 2), (A, B, C, (3, 3))):
        total = sum(probability(model, before, chord, order) for chord in chords)
        assert total == pytest.approx(1)


def test_the_best_discount_of_bigrams_on_validation():
    fitted = ChordBigrams.fit(PIECES, [np.array([A, B, C, C])], SYMBOLS)
    best = fitted.nll_per_step([np.array([A, B, C, C])])
    for discount in (0.1, 0.3, 0.5, 0.7, 0.9, 0.95):
        assert bigrams(discount).nll_per_step([np.array([A, B, C, C])]) >= best - 1e-12
    again = ChordBigrams.fit(PIECES, PIECES, SYMBOLS)  # what was seen needs no smoothing
    assert again.discount == 0.1


def test_a_dictionary_learns_the_words_of_a_small_language():
    found = Dictionary.fit(pairs().sources, pairs().targets)
    assert found.translate(["the old dog sees a cat"]) == ["le vieux chien voit a chat"]
    for source, target in _WORDS.items():
        assert found.translate([source]) == [target]
    assert words("L'homme n’est là, dit-il.") == [
        "L'homme",
        "n’est",
        "là",
        ",",
        "dit",
        "-",
        "il",
        ".",
    ]


def test_a_dictionary_against_expectation_maximisation_in_plain_python():
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
