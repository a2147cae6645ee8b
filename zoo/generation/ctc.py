"""Labels from the logits of connectionist temporal classification, and where each of them is.

`zoo.training.ctc` has the definitions: a path has a symbol at each step, symbol 0 is the blank, and
the labels of a path are what is left when repeats are collapsed and blanks removed. `greedy` reads
the best path; `prefix_beam_search` looks for the labels whose paths are together the most probable,
with a language model if there is one; `alignment` finds the best path of given labels.

Sources: Graves et al. (2006), "Connectionist temporal classification"; for prefixes and a language
model, Graves & Jaitly (2014), "Towards end-to-end speech recognition with recurrent neural
networks", and Hannun et al. (2014), "First-pass large vocabulary continuous speech recognition
using bi-directional recurrent DNNs"; for the sum of logarithms with a weight (shallow fusion),
Gulcehre et al. (2015), "On using monolingual corpora in neural machine translation".
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
from keras import ops

from zoo.cells.typing import Tensor
from zoo.training.ctc import BLANK, collapsed

_IMPOSSIBLE = -1e6  # log P of what exists only because TensorFlow's kernel wants more hypotheses

LanguageModel: TypeAlias = Callable[[Sequence[tuple[int, ...]]], Any]
"""`language_model(prefixes) -> (prefixes, symbols)`: log P of each label after each prefix, and in
column 0, that of the blank, log P of the end (0 for a model that does not know of an end)."""


class Labellings(NamedTuple):
    """What `prefix_beam_search` returns, the best of a row first.

    Where a row has fewer labellings than asked for, the rest have scores of -inf and hold padding.

    Attributes:
        labels: (batch, n_best, steps) int32, padded with 0.
        label_lengths: (batch, n_best) int32.
        log_probabilities: (batch, n_best) float32, log P of the labels by the logits alone: the sum
            over those of their paths that the search has not dropped.
        scores: (batch, n_best) float32, what they were compared by.
    """

    labels: Any
    label_lengths: Any
    log_probabilities: Any
    scores: Any


def greedy(logits: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The labels of the most probable path. Among equal symbols of a step, the lowest counts.

    Part of a `tf.function`, it consists of stock operations. Steps after the end of a row do not
    count, whatever stands there.

    Args:
        logits: (batch, steps, symbols), symbol 0 the blank.
        lengths: (batch,) integers, the steps of each row.

    Returns:
        Labels (batch, steps) int32, padded with 0; how many they are, (batch,) int32; and log P of
        the path, (batch,) float32, which is less than log P of its labels.
    """
    logits = ops.cast(logits, "float32")
    positions = ops.arange(ops.shape(logits)[1], dtype="int32")  # (steps,)
    inside = positions < ops.cast(lengths, "int32")[:, None]
    path = ops.cast(ops.argmax(logits, axis=-1), "int32")
    labels, label_lengths = collapsed(ops.where(inside, path, BLANK))
    best = ops.take_along_axis(ops.log_softmax(logits), path[..., None], axis=-1)[..., 0]
    return labels, label_lengths, ops.sum(ops.where(inside, best, 0.0), axis=1)


def prefix_beam_search(
    logits: Tensor,
    lengths: Tensor,
    beams: int,
    n_best: int = 1,
    language_model: LanguageModel | None = None,
    weight: float = 0.0,
) -> Labellings:
    """The labels y of the highest log P(y | x) + weight * log P_lm(y) that a search finds.

    At each step the `beams` best prefixes stay; the probability of one is summed over its paths. It
    is exact where no prefix is dropped.

    Without a language model the search is TensorFlow's operation, which may be part of a
    `tf.function` and runs eagerly on the other backends. With one it is a loop in Python over rows
    and steps; log P_lm(y) = Σ_u log P_lm(y<u> | y<1>, ..., y<u-1>) + log P_lm(end | y), and the
    end counts when the search is over.

    Args:
        logits: (batch, steps, symbols), symbol 0 the blank.
        lengths: (batch,) integers, the steps of each row.
        beams: how many prefixes stay, at least `n_best`.
        n_best: how many labellings of a row are returned, at least 1.
        language_model: None, or `language_model(prefixes) -> (prefixes, symbols)`: prefixes are
            tuples of labels, and each is asked for once in a row of the batch; the result has log P
            of each label next, and in column 0 that of the end (0 for a model without one).
        weight: of the language model, at least 0.

    Returns:
        `Labellings`, of tensors on TensorFlow, else of arrays, and with a language model of arrays.

    Raises:
        ValueError: if `n_best` is below 1 or above `beams`, or `weight` below 0.
    """
    if not 1 <= n_best <= beams:
        raise ValueError(
            f"`n_best` must be from 1 to `beams`. Received: n_best={n_best}, beams={beams}"
        )
    if weight < 0:
        raise ValueError(f"`weight` must be at least 0. Received: {weight}")
    if language_model is None:
        if keras.backend.backend() == "tensorflow":
            return _by_tensorflow(logits, lengths, beams, n_best)
        logits, lengths = map(ops.convert_to_numpy, (logits, lengths))
        return Labellings(*map(np.asarray, _by_tensorflow(logits, lengths, beams, n_best)))
    logits, lengths = map(ops.convert_to_numpy, (logits, lengths))
    batch, steps, _ = logits.shape
    found = Labellings(
        np.zeros((batch, n_best, steps), "int32"),
        np.zeros((batch, n_best), "int32"),
        np.full((batch, n_best), -np.inf, "float32"),
        np.full((batch, n_best), -np.inf, "float32"),
    )
    for i, length in enumerate(lengths):
        of_row = _search(_log_softmax(logits[i, :length]), beams, language_model, weight)
        for j, (labels, log_probability, score) in enumerate(of_row[:n_best]):
            found.labels[i, j, : len(labels)] = labels
            found.label_lengths[i, j] = len(labels)
            found.log_probabilities[i, j] = log_probability
            found.scores[i, j] = score
    return found


def _by_tensorflow(logits: Tensor, lengths: Tensor, beams: int, n_best: int) -> Labellings:
    """The search by TensorFlow's kernel, which refuses an empty batch and a row too short.

    A row is too short if it has less than `n_best` labellings. So there is a row more, and each row
    ends in a step more, in which all but the blank is as good as impossible.
    """
    import tensorflow as tf

    logits = tf.maximum(tf.nn.log_softmax(tf.cast(logits, tf.float32)), _IMPOSSIBLE)
    lengths = tf.cast(lengths, tf.int32)
    batch, steps = tf.unstack(tf.shape(logits)[:2])
    symbols = max(logits.shape[-1], n_best)
    room = [[0, 1], [0, 1], [0, symbols - logits.shape[-1]]]
    logits = tf.pad(logits, room, constant_values=_IMPOSSIBLE)
    lengths = tf.pad(lengths, [[0, 1]])
    after = tf.where(tf.range(symbols) == BLANK, 0.0, _IMPOSSIBLE)
    inside = tf.range(steps + 1) < lengths[:, None]
    logits = tf.where(inside[..., None], logits, after)
    # The kernel has the blank last, and time first.
    logits = tf.roll(tf.transpose(logits, (1, 0, 2)), -1, axis=-1)
    paths, log_probabilities = tf.nn.ctc_beam_search_decoder(logits, lengths + 1, beams, n_best)
    log_probabilities = log_probabilities[:-1]
    exists = log_probabilities > _IMPOSSIBLE / 2  # (batch, n_best)
    labels = [
        tf.scatter_nd(path.indices, path.values + 1, tf.cast([batch + 1, steps + 1], tf.int64))
        for path in paths
    ]
    labels = tf.cast(tf.stack(labels, axis=1), tf.int32)[:-1, :, :-1]
    labels = tf.where(exists[..., None], labels, BLANK)
    log_probabilities = tf.where(exists, log_probabilities, -np.inf)
    label_lengths = tf.math.count_nonzero(labels, axis=-1, dtype=tf.int32)
    return Labellings(labels, label_lengths, log_probabilities, log_probabilities)


def _search(
    steps: np.ndarray, beams: int, language_model: LanguageModel, weight: float
) -> list[tuple[tuple[int, ...], float, float]]:
    """[(labels, log P, score)] of one row, best first, from its log P, (steps, symbols)."""
    known: dict[tuple[int, ...], np.ndarray] = {}

    def next_labels(prefixes: Sequence[tuple[int, ...]]) -> np.ndarray:
        """Log P_lm, times the weight, of what follows each prefix, (prefixes, symbols)."""
        new = [prefix for prefix in prefixes if prefix not in known]
        if new:
            answers = np.asarray(language_model(new), np.float64)
            # Without a weight, what the language model rules out is not ruled out.
            answers = weight * answers if weight else np.zeros_like(answers)
            known.update(zip(new, answers, strict=True))
        return np.stack([known[prefix] for prefix in prefixes])

    # Of each prefix: log P of its paths that end in a blank, and of those that end in its last
    # label; weight * log P_lm of itself, and of what follows it.
    prefixes: list[tuple[int, ...]] = [()]
    blank, label, fused = np.zeros(1), np.full(1, -np.inf), np.zeros(1)
    following = next_labels(prefixes)
    for step in steps:
        stays_blank, stays_label, longer = _continued(prefixes, blank, label, step)
        blank = np.append(stays_blank, np.full(longer.size, -np.inf))
        label = np.append(stays_label, longer)
        fused = np.append(fused, fused[:, None] + following)
        scores = np.logaddexp(blank, label) + fused
        best = np.argsort(-scores, kind="stable")[:beams]
        best = best[scores[best] > -np.inf]
        if not len(best):
            return []
        blank, label, fused = blank[best], label[best], fused[best]
        prefixes = [_prefix_at(i, prefixes, len(step)) for i in best.tolist()]
        following = next_labels(prefixes)

    log_probabilities = np.logaddexp(blank, label)
    scores = log_probabilities + fused + following[:, BLANK]
    return [
        (prefixes[i], log_probabilities[i], scores[i])
        for i in np.argsort(-scores, kind="stable")
        if scores[i] > -np.inf
    ]


def _continued(
    prefixes: Sequence[tuple[int, ...]], blank: np.ndarray, label: np.ndarray, step: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log P one step on: of the prefixes, ending in a blank or a label, and of all longer by one.

    The first two are (prefixes,), the last (prefixes, symbols), in the column of the new label.
    """
    rows, last = np.arange(len(prefixes)), [(BLANK, *prefix)[-1] for prefix in prefixes]
    either = np.logaddexp(blank, label)
    stays_blank, stays_label = either + step[BLANK], label + step[last]
    before = np.tile(either[:, None], len(step))
    before[rows, last] = blank  # a label after itself needs a blank between
    longer = before + step
    longer[:, BLANK] = -np.inf
    places = dict(zip(prefixes, rows, strict=True))
    for i, prefix in enumerate(prefixes):  # some of what is longer runs already
        if prefix and prefix[:-1] in places:
            of_parent = places[prefix[:-1]], prefix[-1]
            stays_label[i] = np.logaddexp(stays_label[i], longer[of_parent])
            longer[of_parent] = -np.inf
    return stays_blank, stays_label, longer


def _prefix_at(i: int, prefixes: Sequence[tuple[int, ...]], symbols: int) -> tuple[int, ...]:
    """Of the prefixes and, row by row, all longer by one, the one at index i."""
    if i < len(prefixes):
        return prefixes[i]
    parent, symbol = divmod(i - len(prefixes), symbols)
    return (*prefixes[parent], symbol)


def alignment(logits: Any, labels: Any) -> tuple[np.ndarray, float]:
    """Where each label of a sequence is on its most probable path (forced alignment, Viterbi).

    Args:
        logits: (steps, symbols), symbol 0 the blank, of one row without padding.
        labels: (length,) integers from 1 to symbols - 1.

    Returns:
        (length, 2) int32, the first and the last step of each label; between them the path stays
        with the label, elsewhere it is blank. And log P of the path.

    Raises:
        ValueError: if a label is no symbol, or the labels need more steps than there are.
    """
    logits = ops.convert_to_numpy(logits)[None]
    labels = np.asarray(ops.convert_to_numpy(labels), int).reshape(1, -1)
    spans, best = alignments(logits, [logits.shape[1]], labels, [labels.shape[1]])
    return spans[0], float(best[0])


def alignments(
    logits: Any, lengths: Any, labels: Any, label_lengths: Any
) -> tuple[np.ndarray, np.ndarray]:
    """`alignment` of the rows of a batch, padded on the right with anything.

    Args:
        logits: (batch, steps, symbols).
        lengths: (batch,) integers, the steps of each row.
        labels: (batch, length) integers.
        label_lengths: (batch,) integers, how many labels each row has.

    Returns:
        (batch, length, 2) int32, -1 where there is no label, and log P of the paths, (batch,).

    Raises:
        ValueError: as for `alignment`.
    """
    log_p = _log_softmax(ops.convert_to_numpy(logits))
    lengths, labels, label_lengths = (
        np.asarray(ops.convert_to_numpy(x), int) for x in (lengths, labels, label_lengths)
    )
    (batch, steps, symbols), most = log_p.shape, labels.shape[1]
    rows, counted = np.arange(batch), np.arange(most) < label_lengths[:, None]
    if not ((labels > BLANK) & (labels < symbols))[counted].all():
        raise ValueError(f"`labels` must be from 1 to {symbols - 1}. Received: {labels}")
    repeats = (labels[:, 1:] == labels[:, :-1]) & counted[:, 1:]
    needed = label_lengths + repeats.sum(axis=1)
    if (needed > lengths).any():
        row = int(np.argmax(needed > lengths))
        raise ValueError(f"`labels` need {needed[row]} steps. Received: {lengths[row]}")

    # State 2u + 1 is label u, the others are the blanks around them.
    states = np.full((batch, 2 * most + 1), BLANK)
    states[:, 1::2] = np.where(counted, labels, BLANK)
    # A label may follow another without a blank between, unless they are equal.
    skips = np.zeros(states.shape, bool)
    skips[:, 2:] = (states[:, 2:] != BLANK) & (states[:, 2:] != states[:, :-2])
    scores = np.full(states.shape, -np.inf)
    scores[:, 0] = 0.0  # before the first step
    moves = np.zeros((steps, *states.shape), np.int8)
    of_states = np.take_along_axis(log_p, states[:, None], axis=2)  # (batch, steps, states)
    for t in range(steps):
        one, two = np.full(states.shape, -np.inf), np.full(states.shape, -np.inf)
        one[:, 1:], two[:, 2:] = scores[:, :-1], scores[:, :-2]
        choices = np.stack([scores, one, np.where(skips, two, -np.inf)])
        moves[t] = choices.argmax(axis=0)
        inside = (t < lengths)[:, None]
        scores = np.where(inside, choices.max(axis=0) + of_states[:, t], scores)

    # A path ends in the last label, or in the blank behind it.
    last = np.maximum(2 * label_lengths - 1, 0)
    ends = np.stack([scores[rows, last], scores[rows, 2 * label_lengths]])
    state = np.where(ends.argmax(axis=0) == 0, last, 2 * label_lengths)
    spans = np.full((batch, most, 2), -1, "int32")
    for t in reversed(range(steps)):
        inside = t < lengths
        on = rows[inside & (state % 2 == 1)]
        label = state[on] // 2
        spans[on, label, 0] = t
        spans[on, label, 1] = np.maximum(spans[on, label, 1], t)
        state = np.where(inside, state - moves[t, rows, state], state)
    return spans, ends.max(axis=0)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = np.asarray(logits, np.float64)
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
