"""N-grams with modified Kneser-Ney smoothing: the baseline of the language model."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from zoo.evaluation.baselines.files import stored_arrays

Array: TypeAlias = np.ndarray


class KneserNey:
    """N-gram language model: interpolated, modified Kneser-Ney (Chen and Goodman 1998).

    With h the n-1 tokens before w, and h' those without the first of them,

        P(w | h) = (c(hw) - D(c(hw))) / Σ_v c(hv)  +  γ(h) P(w | h')
        γ(h)     = Σ_v D(c(hv)) / Σ_v c(hv)
        P(w | h) = P(w | h')  where h was never seen

    and, below the empty context, the uniform distribution over all ids but that of padding. For the
    longest n-grams c is how often they occur, for all shorter ones how many different tokens
    precede them. The discounts of each length follow from n_i, the number of n-grams of count i:

        D(0) = 0                         Y = n_1 / (n_1 + 2 n_2)
        D(1) = 1 - 2 Y n_2/n_1
        D(2) = 2 - 3 Y n_3/n_2
        D(3) = 3 - 4 Y n_4/n_3           and the same for all counts above 3

    Where these are not all defined and positive (there are few n-grams, or hardly any rare ones),
    the discount is Y for every count, as in the unmodified method, and 1/2 if nothing has count 1.

    The training tokens are read as a ring, the last one before the first, so that each has a
    context of full length. Contexts run across the ends of sentences and documents, as the state of
    a network does that is carried along the stream.

    Args:
        counts: of the n-grams of each length; use `fit`, `fit_best` or `load`.
        vocabulary_size: number of ids, that of padding (0) included.

    Raises:
        ValueError: from any method, if there are no ids, or some lie outside the vocabulary.
    """

    def __init__(self, counts: Sequence["_Counts"], vocabulary_size: int):
        *lower, highest = counts
        self.vocabulary_size = vocabulary_size
        self._levels = [_Level(c.keys, c.contexts, c.predecessors) for c in lower]
        self._levels.append(_Level(highest.keys, highest.contexts, highest.occurrences))

    @property
    def order(self) -> int:
        """n: the number of tokens of the longest n-grams."""
        return len(self._levels)

    @classmethod
    def fit(cls, ids: Array, vocabulary_size: int, order: int) -> "KneserNey":
        """Counts the n-grams of a stream.

        Args:
            ids: (tokens,) integers from 1 to vocabulary_size - 1.
            vocabulary_size: number of ids, that of padding included.
            order: n, 1 or more.
        """
        *_, counts = islice(_count_stream(_checked(ids, vocabulary_size)), order)
        return cls(counts, vocabulary_size)

    @classmethod
    def fit_best(
        cls,
        train_ids: Array,
        validation_ids: Array,
        vocabulary_size: int,
        start_id: int,
        max_order: int = 8,
    ) -> "KneserNey":
        """Raises the order from 1 to `max_order` for as long as the validation perplexity falls.

        `start_id` is the token before the first of `validation_ids`; the rest is as `fit` has it.
        """
        models = (
            cls(counts, vocabulary_size)
            for counts in islice(_count_stream(_checked(train_ids, vocabulary_size)), max_order)
        )
        best = next(models)
        lowest = best.perplexity(validation_ids, start_id)
        for model in models:
            perplexity = model.perplexity(validation_ids, start_id)
            if perplexity >= lowest:
                break
            best, lowest = model, perplexity
        return best

    def log_probabilities(self, ids: Array, start_id: int) -> Array:
        """Natural logarithms of the probability of each token after those before it, (tokens,).

        Args:
            ids: (tokens,) integers, a stream; its first tokens have shorter contexts.
            start_id: the token before the first.
        """
        ids = _checked(ids, self.vocabulary_size)
        tokens = np.append(_checked([start_id], self.vocabulary_size), ids)  # (tokens + 1,)
        contexts = np.zeros(len(tokens), np.int64)  # the empty one has rank 0
        probabilities = np.full(len(tokens), 1 / (self.vocabulary_size - 1))
        for level in self._levels:
            ranks = level.ranks(contexts, tokens)
            probabilities = level.interpolate(contexts, ranks, probabilities)
            contexts = np.append(-1, ranks[:-1])  # the context, one longer, ends one token before
        return np.log(probabilities[1:])

    def perplexity(self, ids: Array, start_id: int) -> float:
        """Perplexity per token of a stream; arguments and errors as of `log_probabilities`."""
        return float(np.exp(-self.log_probabilities(ids, start_id).mean()))

    def save(self, path: str | Path) -> None:
        """Writes the longest n-grams, from which all shorter ones follow, without pickles.

        In the order of their contexts, an n-gram takes its last token and its number of
        occurrences; a context takes the number of tokens that follow it, and of those that precede
        it. Nothing more is needed: the contexts are the (n-1)-grams with which the n-grams end.
        """
        highest = self._levels[-1]
        tokens, contexts = np.divmod(highest.keys, highest.contexts)
        by_context = np.argsort(contexts, kind="stable")
        preceding = self._levels[-2].counts if self.order > 1 else np.array([len(tokens)])
        np.savez_compressed(
            path,
            order=self.order,
            vocabulary_size=self.vocabulary_size,
            tokens=_compact(tokens[by_context]),
            occurrences=_compact(highest.counts[by_context]),
            following=_compact(np.bincount(contexts)),
            preceding=_compact(preceding),
        )

    @classmethod
    def load(cls, path: str | Path) -> "KneserNey":
        """What `save` wrote; a `UserError` if the file is missing or damaged."""
        with stored_arrays(path) as arrays:
            contexts = np.repeat(np.arange(len(arrays["following"])), arrays["following"])
            by_token = np.argsort(arrays["tokens"], kind="stable")  # the order that `_Counts` has
            # The n-grams that end with the same n-1 tokens stand together: the first of each.
            preceding = arrays["preceding"].astype(np.int64)
            ends = np.cumsum(preceding) - preceding
            grown = _count(
                _checked(arrays["tokens"][by_token], arrays["vocabulary_size"].item()),
                ends[contexts[by_token]],
                arrays["occurrences"][by_token],
            )
            *_, counts = islice(grown, arrays["order"].item())
            return cls(counts, arrays["vocabulary_size"].item())


class _Counts(NamedTuple):
    """The n-grams of one length, ordered by their last token, then by the one before it, and so on.

    The rank of an n-gram is its place in that order. It is found by its key: its last token times
    the number of contexts, plus the rank of its context, the (n-1)-gram before the last token.
    """

    keys: Array  # (ngrams,) int64, ascending
    contexts: int  # the number of (n-1)-grams
    occurrences: Array  # (ngrams,) int64
    predecessors: Array  # (ngrams,) int64: how many different tokens precede each


class _Level:
    """What the n-grams of one length contribute to a probability."""

    def __init__(self, keys: Array, contexts: int, counts: Array):
        self.keys, self.contexts, self.counts = keys, contexts, counts
        context = keys % contexts
        discounts = _discounts(counts)[np.minimum(counts, 3)]
        totals = np.bincount(context, counts, contexts)
        # One entry more than there are n-grams and contexts: the rank -1 stands for the unseen.
        self._shares = np.append((counts - discounts) / totals[context], 0.0)
        self._left_over = np.append(np.bincount(context, discounts, contexts) / totals, 1.0)

    def ranks(self, contexts: Array, tokens: Array) -> Array:
        """The ranks of the n-grams of these contexts and tokens, -1 for the unseen."""
        keys = tokens * self.contexts + contexts
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where((contexts >= 0) & (self.keys[places] == keys), places, -1)

    def interpolate(self, h: Array, hw: Array, shorter: Array) -> Array:
        """P(w | h) from the ranks of h and hw and from P(w | h'), all of them (tokens,)."""
        return self._shares[hw] + self._left_over[h] * shorter


def _count_stream(tokens: Array) -> Iterator[tuple[_Counts, ...]]:
    before = np.arange(len(tokens)) - 1  # -1 is the last: the stream is a ring
    return _count(tokens, before, np.ones(len(tokens)))


def _count(tokens: Array, before: Array, occurrences: Array) -> Iterator[tuple[_Counts, ...]]:
    """Counts n-grams of lengths 1, 2, 3, ...; yields what there is after each length.

    The tokens (places,) are those of a stream or the last ones of the n-grams of a model. Each has
    the place of the token before it, and the number of times that it counts.
    """
    counts: list[_Counts] = []
    ranks, contexts = np.zeros(len(tokens), np.int64), 1
    while True:
        keys, longer = _distinct(tokens * contexts + ranks[before])
        if counts:
            ends = np.empty(len(keys), np.int64)  # the rank of what is left without the first token
            ends[longer] = ranks
            counts[-1] = counts[-1]._replace(predecessors=np.bincount(ends))
        occurring = np.bincount(longer, occurrences).astype(np.int64)
        counts.append(_Counts(keys, contexts, occurring, occurring))  # known with the next length
        yield tuple(counts)
        ranks, contexts = longer, len(keys)


def _distinct(keys: Array) -> tuple[Array, Array]:
    """The distinct keys, ascending, and the rank of each key among them, (places,)."""
    if keys.max() > 4 * len(keys):
        return np.unique(keys, return_inverse=True)
    # Many short n-grams recur: marking those there are is ten times as fast as sorting all places.
    present = np.zeros(keys.max() + 1, bool)
    present[keys] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[keys]


def _discounts(counts: Array) -> Array:
    """D(0), D(1), D(2) and D(3 or more) for counts, (ngrams,) integers from 1."""
    n1, n2, n3, n4 = np.bincount(np.minimum(counts, 5), minlength=6)[1:5]
    if n1 == 0:
        return np.array([0, 0.5, 0.5, 0.5])
    y = n1 / (n1 + 2 * n2)
    if n2 and n3:
        modified = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        if min(modified) > 0:
            return np.array([0, *modified])
    return np.array([0, y, y, y])


def _checked(ids: ArrayLike, vocabulary_size: int) -> Array:
    ids = np.asarray(ids, np.int64)
    if not ids.size or ids.min() < 1 or ids.max() >= vocabulary_size:
        raise ValueError(f"a stream takes one id or more, each from 1 to {vocabulary_size - 1}")
    return ids


def _compact(counts: Array) -> Array:
    return counts.astype(np.min_scalar_type(counts.max()))
