"""Connectionist temporal classification by enumeration of all paths, and sequences to try it on."""

import functools
import itertools

import keras
import numpy as np
import scipy.special

from zoo.training import ctc_loss

SYMBOLS, STEPS = 4, 5
# Repeats that fit and that do not, a target without labels, and rows without steps.
TARGETS = [(1, 2, 3), (1, 1), (2, 2, 1), (), (3, 3), (), (1,), (3,)]
LENGTHS = np.array([5, 3, 4, 5, 2, 0, 0, 4], "int32")
INFEASIBLE = np.array([0, 0, 0, 0, 1, 0, 1, 0], bool)
LABEL_LENGTHS = np.array([len(target) for target in TARGETS], "int32")
LABELS = np.array([[*target, 0, 0, 0, 0][:4] for target in TARGETS], "int32")
MASK = np.arange(STEPS) < LENGTHS[:, None]


def logits():
    return 2 * np.random.default_rng(8).normal(size=(len(TARGETS), STEPS, SYMBOLS))


def spoilt(padding=np.nan):
    """The logits with something else in the padding, float32."""
    return np.where(MASK[..., None], logits(), padding).astype("float32")


class Losses(keras.layers.Layer):
    """`ctc_loss` of the targets."""

    def call(self, x, training=None):
        return ctc_loss(x, LENGTHS, LABELS, LABEL_LENGTHS)

    def compute_output_shape(self, shape):
        return shape[:1]


def collapsed(path):
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)


@functools.cache
def all_paths(steps, symbols):
    """All paths, (paths, steps), and the labels of each."""
    paths = [*itertools.product(range(symbols), repeat=steps)]
    return np.array(paths, int).reshape(len(paths), steps), [collapsed(path) for path in paths]


def log_probabilities(logits):
    """Log P of `all_paths` of one row, (steps, symbols)."""
    log_p = scipy.special.log_softmax(np.asarray(logits, np.float64), axis=-1)
    paths, _ = all_paths(*log_p.shape)
    return log_p[np.arange(len(log_p)), paths].sum(axis=1)


def all_labellings(logits):
    """{labels: log P} of one row."""
    found = {}
    _, labellings = all_paths(*logits.shape)
    for labels, log_p in zip(labellings, log_probabilities(logits), strict=True):
        found[labels] = np.logaddexp(found.get(labels, -np.inf), log_p)
    return found


def rows(logits):
    """The logits of each row without padding."""
    return [row[:n] for row, n in zip(logits, LENGTHS, strict=True)]


def expected_losses(logits):
    """By enumeration: those of the targets, 0 where a target is infeasible."""
    return np.array([expected_loss(*pair) for pair in zip(rows(logits), TARGETS, strict=True)])


def expected_loss(logits, target):
    """Of one row without padding."""
    _, labellings = all_paths(*logits.shape)
    log_p = log_probabilities(logits)[[labels == target for labels in labellings]]
    return -scipy.special.logsumexp(log_p) if len(log_p) else 0.0


def language_model(prefixes):
    """Log P of what follows, by the last label and the length; column 0 is the end."""
    by_last = np.random.default_rng(9).normal(size=(SYMBOLS, SYMBOLS))
    last = [(0, *prefix)[-1] for prefix in prefixes]
    lengths = np.array([len(prefix) for prefix in prefixes])
    logits = by_last[last] + np.sin(lengths[:, None] * np.arange(1, SYMBOLS + 1))
    return scipy.special.log_softmax(logits, axis=-1)


def language_model_log_probability(labels, end=True):
    """Of labels, and their end if it is to count."""
    following = [*labels, 0] if end else [*labels]
    prefixes = [labels[:u] for u in range(len(following))]
    return sum(language_model([p])[0, k] for p, k in zip(prefixes, following, strict=True))
