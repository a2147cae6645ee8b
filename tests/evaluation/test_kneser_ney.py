"""The n-gram model against a slow reading of its equations."""

from collections import defaultdict
from itertools import product

import numpy as np
import pytest

from zoo.evaluation.baselines import KneserNey

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


def probabilities(model, context):
    """P of every token but padding after a context of one token or more, (tokens,)."""
    start, *before = context
    return np.exp(
        [
            model.log_probabilities(np.array([*before, token]), start)[-1]
            for token in range(1, model.vocabulary_size)
        ]
    )


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
        found = probabilities(model, context or (START,))
        np.testing.assert_allclose(
            found, [expected(token, context) for token in range(1, size)], rtol=1e-10
        )
        assert found.sum() == pytest.approx(1, abs=1e-12)
        assert found.min() > 0


@CORPORA
@ORDERS
def test_a_stream_is_read_after_the_start_with_contexts_that_grow_to_full_length(name, order):
    ids, size = corpus(name)
    model, expected = KneserNey.fit(ids, size, order), reference(ids, size, order)
    stream = np.random.default_rng(2).integers(1, size, 40, dtype=np.int32)
    before = [START, *stream.tolist()]
    want = [
        np.log(expected(before[i + 1], tuple(before[max(0, i + 2 - order) : i + 1])))
        for i in range(40)
    ]
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
