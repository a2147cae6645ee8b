"""Labels of connectionist temporal classification, against the enumeration of all paths."""

import collections
import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax
from support import label_paths
from support.label_paths import LENGTHS, STEPS, SYMBOLS

from zoo.generation import ctc
from zoo.training import ctc_loss

ALL = 400  # beams, more than there are prefixes of labels
SPOILT = label_paths.spoilt()


def assert_labels(found, length, expected):
    """`found` (steps,) is `expected`, padded with 0."""
    assert length == len(expected)
    np.testing.assert_array_equal(found, [*expected, *[0] * (len(found) - len(expected))])


def test_greedy_reads_the_best_path():
    graph = tf.function(ctc.greedy, autograph=False)
    for function in (ctc.greedy, graph):
        labels, lengths, log_p = function(SPOILT, LENGTHS)
        assert (labels.dtype, lengths.dtype, log_p.dtype) == ("int32", "int32", "float32")
        for i, row in enumerate(label_paths.rows(label_paths.logits())):
            of_paths = label_paths.log_probabilities(row)
            _, labellings = label_paths.all_paths(*row.shape)
            assert_labels(labels[i], lengths[i], labellings[of_paths.argmax()])
            np.testing.assert_allclose(log_p[i], of_paths.max(), rtol=1e-5, atol=1e-6)
    # Half precision holds no sum of many steps.
    _, _, log_p = ctc.greedy(np.zeros((1, 3000, 2), "float16"), [3000])
    np.testing.assert_allclose(log_p, 3000 * np.log(0.5), rtol=1e-5)


def assert_best(found, score, n_best):
    """The best labellings of each row, by `score(labels, log P)`, as an exhaustive search does."""
    found = ctc.Labellings(*map(np.asarray, found))
    assert found.labels.dtype == found.label_lengths.dtype == "int32"
    assert found.labels.shape == (len(LENGTHS), n_best, STEPS)
    for i, row in enumerate(label_paths.rows(label_paths.logits())):
        scored = [(score(*pair), *pair) for pair in label_paths.all_labellings(row).items()]
        scored = sorted(scored, reverse=True)[:n_best]
        nothing = [(-np.inf, (), -np.inf)] * (n_best - len(scored))
        scores, labels, log_p = zip(*scored, *nothing, strict=True)
        assert (np.diff(scores[: len(scored)]) < -1e-5).all(), "or rounding would choose"
        for of_found, *of_expected in zip(
            found.labels[i], found.label_lengths[i], labels, strict=True
        ):
            assert_labels(of_found, *of_expected)
        np.testing.assert_allclose(found.log_probabilities[i], log_p, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found.scores[i], scores, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_best", [1, 3, 6])  # 6 symbols are more than there are
def test_beams_find_what_exhaustive_search_does(n_best):
    def search(logits, lengths):
        return ctc.prefix_beam_search(logits, lengths, ALL, n_best)

    signature = [tf.TensorSpec((None, None, SYMBOLS)), tf.TensorSpec((None,), tf.int32)]
    for function in (search, tf.function(search, signature, autograph=False)):
        assert_best(function(SPOILT, LENGTHS), lambda labels, log_p: log_p, n_best)


@pytest.mark.parametrize("weight", [0.0, 0.7, 3.0])
def test_beams_with_a_language_model_find_what_exhaustive_search_does(weight):
    def score(labels, log_p):
        return log_p + weight * label_paths.language_model_log_probability(labels)

    model = label_paths.language_model
    found = ctc.prefix_beam_search(SPOILT, LENGTHS, ALL, 3, model, weight)
    assert_best(found, score, 3)


def plain_search(logits, beams, weight):
    """(labels, score) of one row, with a dictionary of prefixes."""
    score = lambda prefix, sums: np.logaddexp(*sums) + weight * lm(prefix)  # noqa: E731
    lm = lambda prefix: label_paths.language_model_log_probability(prefix, end=False)  # noqa: E731
    running = {(): (0.0, -np.inf)}
    for step in log_softmax(logits, axis=-1):
        sums = collections.defaultdict(lambda: (-np.inf, -np.inf))
        for prefix, (blank, label) in running.items():
            for symbol, log_p in enumerate(step):
                of_blank, of_label = sums[prefix]
                if symbol == 0:
                    either = np.logaddexp(blank, label)
                    sums[prefix] = np.logaddexp(of_blank, either + log_p), of_label
                    continue
                repeated = prefix[-1:] == (symbol,)
                if repeated:
                    sums[prefix] = of_blank, np.logaddexp(of_label, label + log_p)
                longer = (*prefix, symbol)
                of_blank, of_label = sums[longer]
                before = blank if repeated else np.logaddexp(blank, label)
                sums[longer] = of_blank, np.logaddexp(of_label, before + log_p)
        ranked = sorted(sums.items(), key=lambda pair: -score(*pair))
        running = dict(ranked[:beams])
    scored = [
        (score(*pair) + weight * label_paths.language_model([pair[0]])[0, 0], pair[0])
        for pair in running.items()
    ]
    return max(scored)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_a_narrow_search_is_that_in_plain_python(weight):
    """And with a language model or without, no labels get more than all of their paths."""
    logits = np.random.default_rng(5).normal(size=(6, 12, SYMBOLS))
    lengths = np.array([12, 12, 3, 9, 12, 1])
    model = label_paths.language_model
    found = ctc.prefix_beam_search(logits, lengths, 4, 1, model, weight)
    for i, length in enumerate(lengths):
        score, labels = plain_search(logits[i, :length], 4, weight)
        assert_labels(found.labels[i, 0], found.label_lengths[i, 0], labels)
        np.testing.assert_allclose(found.scores[i, 0], score, rtol=1e-5)
    for each in (found, ctc.prefix_beam_search(logits, lengths, 4)):
        of_all = -ctc_loss(logits, lengths, each.labels[:, 0], each.label_lengths[:, 0])
        lost = of_all - each.log_probabilities[:, 0]
        assert (lost > -1e-4).numpy().all()
        assert (lost > 1e-3).numpy().any()


def test_what_a_language_model_rules_out_is_not_found():
    def nothing_but_twos(prefixes):
        return np.tile([0.0, -np.inf, 0.0, -np.inf], (len(prefixes), 1))

    found = ctc.prefix_beam_search(SPOILT, LENGTHS, 10, 2, nothing_but_twos, weight=0.1)
    assert set(found.labels.ravel()) == {0, 2}
    free = ctc.prefix_beam_search(SPOILT, LENGTHS, 10, 2, nothing_but_twos, weight=0.0)
    np.testing.assert_array_equal(free.labels, ctc.prefix_beam_search(SPOILT, LENGTHS, 10, 2)[0])


@pytest.mark.parametrize("model", [None, label_paths.language_model])
def test_empty_batches_and_rows(model):
    for batch, steps in ((0, 2), (2, 0), (0, 0)):
        logits, lengths = np.zeros((batch, steps, SYMBOLS), "float32"), np.full(batch, steps)
        labels, *_ = ctc.greedy(logits, lengths)
        assert labels.shape == (batch, steps)
        found = ctc.prefix_beam_search(logits, lengths, 3, 2, model, weight=0.0)
        assert found.labels.shape == (batch, 2, steps)
        np.testing.assert_array_equal(found.scores, [[0, -np.inf]] * batch or np.zeros((0, 2)))


def test_wrong_arguments_of_a_search():
    with pytest.raises(ValueError, match="n_best=3, beams=2"):
        ctc.prefix_beam_search(SPOILT, LENGTHS, 2, 3)
    with pytest.raises(ValueError, match="weight"):
        ctc.prefix_beam_search(SPOILT, LENGTHS, 2, 1, label_paths.language_model, -1.0)


@pytest.mark.parametrize("target", [(), (2,), (1, 2), (3, 3), (1, 1, 3), (1, 2, 3, 1), (2, 2, 2)])
def test_alignment_is_the_best_of_all_paths(target):
    paths, labellings = label_paths.all_paths(STEPS, SYMBOLS)
    of_target = np.array([labels == target for labels in labellings])
    for logits in label_paths.logits():
        log_p = np.where(of_target, label_paths.log_probabilities(logits), -np.inf)
        spans, found = ctc.alignment(logits, target)
        steps = [
            [step for step, _ in group]
            for symbol, group in itertools.groupby(enumerate(paths[log_p.argmax()]), lambda p: p[1])
            if symbol
        ]
        assert spans.dtype == "int32"
        np.testing.assert_array_equal(spans, np.reshape([[s[0], s[-1]] for s in steps], (-1, 2)))
        np.testing.assert_allclose(found, log_p.max(), rtol=1e-9)


def test_what_cannot_be_aligned_is_refused():
    with pytest.raises(ValueError, match="need 3 steps"):
        ctc.alignment(np.zeros((2, 3)), [1, 1])
    for label in (0, 3):
        with pytest.raises(ValueError, match="from 1 to 2"):
            ctc.alignment(np.zeros((2, 3)), [label])
    spans, log_p = ctc.alignment(np.zeros((0, 3)), [])
    assert (spans.shape, log_p) == ((0, 2), 0)
