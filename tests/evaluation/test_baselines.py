"""The simple baselines: what each answers, and their files, whatever happens to these."""

import itertools
import math
from collections import defaultdict
from itertools import product

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from support.refusals import refused
from support.translation_pairs import _WORDS, pairs

from zoo.datasets.dna import LabelledSequences
from zoo.datasets.sequence_tagging import TaggedSentences
from zoo.datasets.video import LabelledClips
from zoo.errors import UserError
from zoo.evaluation.baselines import (
    ChordBigrams,
    ClipBaseline,
    ClipBaselines,
    Dictionary,
    KneserNey,
    LinearTextBaseline,
    MostFrequentTag,
    SequenceBaseline,
    clips,
)
from zoo.evaluation.baselines.dictionary import words

SENTENCES = TaggedSentences([["Rome", "is", "x\0", '"', ""]], [["B-LOC", "O", "B-é", "B-é", "O"]])
STREAM = np.random.default_rng(0).integers(1, 9, 100)
TEXTS = ["a good one", f"good, {'x' * 100_000}", "bad", "so bad!", "fair enough", "only fair"]
LABELS = np.array([0, 0, 1, 1, 2, 2])
WINDOWS = ["ACGT", "ACGN", "TTGA", "TTRA", "GCCC", "GCCS"]
SYMBOLS = 4  # with padding: 1, 2 and 3 are what a voice can have
A, B, C = (1, 2), (2, 2), (3, 1)
PIECES = [np.array([A, B, A, B, C]), np.array([A, A])]
FILMS = [np.full((3, 4, 5, 1), 40 * level, "uint8") for level in range(6)]
PATHS = [np.linspace([0, level], [level, 0], 9, dtype="float32") for level in range(6)]
# How each is fitted, and what it says.
BASELINES = {
    "linear": (
        lambda: LinearTextBaseline.fit(TEXTS, LABELS),
        lambda model: model.accuracy([*TEXTS, "good bad"], [*LABELS, 0]),
    ),
    "machine": (
        lambda: SequenceBaseline.fit(WINDOWS, LABELS),
        lambda model: model.predict([*WINDOWS, "A", "ACGTNR"]).tolist(),
    ),
    "places": (
        lambda: SequenceBaseline.fit(WINDOWS, LABELS, by="places"),
        lambda model: model.predict([*WINDOWS, "A", "ACGTNR"]).tolist(),
    ),
    "k-mers": (
        lambda: SequenceBaseline.fit(WINDOWS, LABELS, by="k-mers"),
        lambda model: model.predict([*WINDOWS, "A", "ACGTNR"]).tolist(),
    ),
    "amino-acids": (
        lambda: SequenceBaseline.fit([w * 3 for w in WINDOWS], LABELS, by="amino-acids"),
        lambda model: model.predict([w * 3 for w in WINDOWS]).tolist(),
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
    **{
        view: (
            lambda clips=clips, view=view: ClipBaseline.fit(clips, LABELS, view),
            lambda model, clips=clips: model.predict([*clips, *clips[::-1]]).tolist(),
        )
        for view, clips in (("one_frame", FILMS), ("bag", FILMS), ("path", PATHS))
    },
    "clips": (
        lambda: ClipBaselines.fit(PATHS, LABELS),
        lambda model: model.evaluate(LabelledClips(PATHS, LABELS, [])),
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
        changed = bytes([content[position] ^ 0xFF])
        path.write_bytes(content[:position] + changed + content[position + 1 :])
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


def sequences(lengths, seed=0):
    """Of label 1 are those with a G in the fourth place."""
    draw = np.random.default_rng(seed)
    found = ["".join(draw.choice([*"ACT"], length)) for length in lengths]
    labels = np.arange(len(found), dtype="int32") % 2
    marked = zip(found, labels, strict=True)
    return LabelledSequences([f"{s[:3]}{'CG'[at]}{s[4:]}" for s, at in marked], labels)


def test_sequences_by_their_places_or_their_k_mers():
    windows, other = sequences([8] * 60), sequences([8] * 40, seed=1)
    for by in ("places", "machine", "k-mers"):
        baseline = SequenceBaseline.fit(windows.sequences, windows.labels, by)
        assert baseline.evaluate(other) == {"accuracy": 1, "mcc": 1}, by
    turned = [sequence[::-1] for sequence in other.sequences]  # the place of the G is another
    accuracies = [
        SequenceBaseline.fit(windows.sequences, windows.labels, by).accuracy(turned, other.labels)
        for by in ("places", None, "k-mers")
    ]
    assert max(accuracies[:2]) < 0.7 < 0.9 < accuracies[2]
    of_any_length = sequences(np.arange(60) % 9 + 4)
    baseline = SequenceBaseline.fit(of_any_length.sequences, of_any_length.labels)
    assert baseline.accuracy(turned, other.labels) > 0.9  # k-mers, as lengths differ
    wanted = r"the 2 training examples are all of one class: give more"
    refused(wanted, SequenceBaseline.fit, ["A", "C"], np.array([1, 1]))


def test_codons_of_one_amino_acid_are_one_to_a_baseline_of_these():
    kinds = ["ATGAAATGG", "ATGTTTTGG"]  # MKW and MFW
    baseline = SequenceBaseline.fit([*kinds] * 3, np.arange(6) % 2, by="amino-acids")
    assert baseline.predict(["ATGAAGTGG", "ATGTTCTGG", "ATGTTCTGGAA"]).tolist() == [0, 1, 1]


def test_ambiguous_letters_are_half_of_each_of_their_bases():
    baseline = SequenceBaseline.fit(["AAAA", "GGGG", "RRRR"], np.array([0, 2, 1]))
    assert baseline.predict(["AAAA", "GGGG", "RRRR", "AGAG"]).tolist() == [0, 2, 1, 1]


def test_texts_that_teach_nothing_are_refused():
    fit = LinearTextBaseline.fit
    refused("2 training examples are all of one class", fit, TEXTS[:2], LABELS[:2])
    for texts in (["", " ", "\t", ""], [f"w{i}" for i in range(200)]):
        refused("no words in common", fit, texts, np.arange(len(texts)) % 2)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("view", clips.VIEWS)
def test_clips_as_scikit_learn_has_them(view, classes):
    """Of labels that are not all there, and of paths of several lengths."""
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 2, 5, 9][:classes], 20)
    paths = [rng.normal(label / 5, 1, (rng.integers(1, 30), 2)).cumsum(axis=0) for label in labels]
    machine = LogisticRegression(max_iter=1000) if view == "one_frame" else SVC(C=100)
    features = clips._features(paths, view)
    machine.fit(features[::2], labels[::2])
    found = ClipBaseline.fit(paths[::2], labels[::2], view)
    assert found.predict(paths).tolist() == machine.predict(features).tolist()
    right = np.mean(machine.predict(features) == labels)
    assert found.evaluate(LabelledClips(paths, labels, [])) == {"accuracy": right}


def test_what_a_network_has_to_beat_sees_no_order():
    for given, views in ((FILMS, ("one_frame", "bag")), (PATHS, clips.VIEWS)):
        found = ClipBaselines.fit(given, LABELS).evaluate(LabelledClips(given, LABELS, []))
        of_view = {view: found[f"{view}_accuracy"] for view in views}
        assert len(found) == 1 + len(views)
        assert found["accuracy"] == max(of_view["one_frame"], of_view["bag"])
        for view in views:
            alone = ClipBaseline.fit(given, LABELS, view)
            assert of_view[view] == alone.accuracy(given, LABELS)


def test_what_each_view_of_a_clip_sees():
    rng = np.random.default_rng(0)
    clip = rng.integers(0, 256, (5, 48, 24, 3), "uint8")
    frames, grid = clip / 255, (5, 24, 2, 24, 1, 3)
    shrunk = frames.reshape(grid).mean((2, 4))
    np.testing.assert_allclose(clips._middle(clip), shrunk[2])
    np.testing.assert_allclose(clips._bag(clip), [shrunk.mean(0), shrunk.max(0)])
    np.testing.assert_allclose(clips._bag(clip), clips._bag(clip[::-1]))
    small = clip[:, :3, :2]
    repeated = np.repeat(np.repeat(small, 8, axis=1), 12, axis=2)
    np.testing.assert_allclose(clips._seen(small), repeated / 255)
    path = rng.normal(size=(40, 2))
    np.testing.assert_array_equal(clips._middle(path), path[20])
    np.testing.assert_allclose(clips._bag(path), clips._bag(path[::-1]))
    np.testing.assert_allclose(clips._in_order(path), clips._in_order(path + 3))
    np.testing.assert_allclose(clips._in_order(path[:1]), np.zeros((clips.STEPS, 2)), atol=1e-9)


def test_clips_that_cannot_be_learnt():
    refused("2 training examples are all of one class", ClipBaseline.fit, FILMS[:2], LABELS[:2])
    for view, message in (("path", "these are frames"), ("flow", "`view` must be one of")):
        with pytest.raises(ValueError, match=message):
            ClipBaseline.fit(FILMS, LABELS, view)


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
    parted = " ".join(words("L'homme n’est pas là, dit-il."))
    assert parted == "L'homme n’est pas là , dit - il ."


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


START = 3


def corpus(name):
    """A stream of ids, and the number of ids, some of which do not occur in it."""
    rng = np.random.default_rng(1)
    if name == "text":  # frequent and rare tokens, as in a text
        return np.minimum(rng.geometric(0.35, 300), 6), 8
    if name == "even":  # every token is frequent: no counts of counts to go by
        return rng.integers(1, 4, 200), 4
    if name == "triples":  # the formula gives a negative D(2)
        return np.repeat([1, 2, 3, 4, 5], [1, 2, 3, 3, 3]), 7
    return np.array({"once": [2, 4, 3, 1, 5], "single": [4], "repeated": [4, 5] * 20}[name]), 7


CORPORA = pytest.mark.parametrize("name", ["text", "even", "once", "single", "repeated", "triples"])
ORDERS = pytest.mark.parametrize("order", [1, 2, 3, 4])


def discounts(counts):
    """D of each count, from all the counts of one length."""
    n = [sum(count == i for count in counts) for i in range(5)]
    if not n[1]:
        return lambda count: 0.5
    y = n[1] / (n[1] + 2 * n[2])
    if all(n[i] for i in (1, 2, 3)):
        d = [i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3)]
        if all(value > 0 for value in d):
            return lambda count: d[min(count, 3) - 1]
    return lambda count: y


def reference(ids, vocabulary_size, order):
    """P(token, context) of contexts of up to order - 1 tokens, by dictionaries and recursion."""
    ids = [int(token) for token in ids]
    ring = ids * (order + 1)  # the end is followed by the beginning, however short the stream
    counts = {length: defaultdict(int) for length in range(1, order + 1)}
    for i in range(len(ids)):
        counts[order][tuple(ring[i : i + order])] += 1
    for length in range(1, order):
        longer = {tuple(ring[i : i + length + 1]) for i in range(len(ids))}
        for ngram in longer:
            counts[length][ngram[1:]] += 1
    discount = {length: discounts(list(c.values())) for length, c in counts.items()}

    def probability(token, context):
        shorter = probability(token, context[1:]) if context else 1 / (vocabulary_size - 1)
        length = len(context) + 1
        seen = {n: c for n, c in counts[length].items() if n[:-1] == context}
        if not seen:
            return shorter
        total = sum(seen.values())
        count = seen.get((*context, token), 0)
        kept = count - discount[length](count) if count else 0
        return kept / total + sum(map(discount[length], seen.values())) / total * shorter

    return probability


@CORPORA
@ORDERS
def test_every_token_in_every_context_is_as_the_equations_have_it(name, order, tmp_path):
    """Of the model that is loaded again."""
    ids, size = corpus(name)
    KneserNey.fit(ids, size, order).save(tmp_path / "baseline.npz")
    model, expected = KneserNey.load(tmp_path / "baseline.npz"), reference(ids, size, order)
    assert (model.order, model.vocabulary_size) == (order, size)
    contexts = {tuple(np.roll(ids, -i)[: order - 1]) for i in range(len(ids))}  # seen
    contexts |= set(product(range(1, size), repeat=min(order - 1, 2)))  # mostly unseen
    for context in contexts:
        start, *before = context or (START,)
        streams = [np.array([*before, token]) for token in range(1, size)]
        found = np.exp([model.log_probabilities(stream, start)[-1] for stream in streams])
        wanted = [expected(token, context) for token in range(1, size)]
        np.testing.assert_allclose(found, wanted, rtol=1e-10)
        assert found.sum() == pytest.approx(1, abs=1e-12)
        assert found.min() > 0


@CORPORA
@ORDERS
def test_a_stream_is_read_after_the_start_with_contexts_that_grow_to_full_length(name, order):
    ids, size = corpus(name)
    model, expected = KneserNey.fit(ids, size, order), reference(ids, size, order)
    stream = np.random.default_rng(2).integers(1, size, 40, dtype=np.int32)
    before = [START, *stream.tolist()]
    contexts = [tuple(before[max(0, i + 1 - order) : i]) for i in range(1, 41)]
    want = np.log([expected(*factor) for factor in zip(before[1:], contexts, strict=True)])
    np.testing.assert_allclose(model.log_probabilities(stream, START), want, rtol=1e-10)
    np.testing.assert_allclose(model.log_probabilities(stream[:1], START), want[:1], rtol=1e-10)
    assert model.perplexity(stream, START) == pytest.approx(np.exp(-np.mean(want)))


def test_the_best_order_is_the_one_before_the_validation_perplexity_rises():
    rng = np.random.default_rng(5)
    tokens = [1, 2]
    for noise in rng.random(4000):  # each depends on the two before it
        tokens.append(int(rng.integers(1, 6)) if noise < 0.3 else (tokens[-1] * tokens[-2]) % 5 + 1)
    train, validation = np.array(tokens[:3000]), np.array(tokens[3000:])
    best = KneserNey.fit_best(train, validation, 6, START)
    perplexities = [KneserNey.fit(train, 6, n).perplexity(validation, START) for n in (1, 2, 3, 4)]
    assert best.order == np.argmin(perplexities) + 1 == 3
    assert best.perplexity(validation, START) == perplexities[2]
    assert KneserNey.fit_best(train, validation, 6, START, max_order=2).order == 2


@pytest.mark.parametrize("ids", [[], [1, 0, 2], [1, 5], [-1]])
def test_what_is_no_stream_of_the_vocabulary_is_refused(ids):
    model = KneserNey.fit(np.array([1, 2, 3, 4]), 5, 2)
    for use in (
        lambda: KneserNey.fit(np.array(ids), 5, 2),
        lambda: KneserNey.fit_best(np.array(ids), np.array([1]), 5, 1),
        lambda: model.log_probabilities(np.array(ids), 1),
    ):
        with pytest.raises(ValueError, match="each from 1 to 4"):
            use()
    with pytest.raises(ValueError, match="each from 1 to 4"):
        model.log_probabilities(np.array([1]), 0)
