"""Beam search: the most probable sequences that a search of limited width finds."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from zoo.cells.typing import Tensor
from zoo.generation.loop import Generation, generate
from zoo.generation.sampling import log_sum_exp, permitted
from zoo.generation.states import State, Step, on_leaves
from zoo.layers.scan import scan
from zoo.text.special_tokens import PADDING_ID

_MANY = 1024  # tokens from which the best are looked for in blocks


class Hypotheses(NamedTuple):
    """What `beam_search` returns, the best hypothesis of a row first.

    Where a vocabulary is too small for so many hypotheses, the rest have scores of -inf and hold
    padding.

    Attributes:
        tokens: (batch, beams, length) int32, with the `<EOS>`; padding after it.
        log_probabilities: (batch, beams) float32, log P of the whole hypothesis by the model; the
            forbidden ids are among those that P sums to 1 over.
        scores: (batch, beams) float32, what the hypotheses were compared by.
        lengths: (batch, beams) int32, how many tokens are not padding.
    """

    tokens: Any
    log_probabilities: Any
    scores: Any
    lengths: Any


class _Finished(NamedTuple):
    """The best hypotheses that have ended, best first; each (batch, beams).

    A hypothesis is where it came from: its first `prefixes` tokens are those of the running beam
    `origins` after so many steps, and `ends` says whether `<EOS>` follows them.
    """

    scores: Any
    log_probabilities: Any
    prefixes: Any
    origins: Any
    ends: Any

    def merged(self, others: "_Finished") -> "_Finished":
        """The best of these and of others; among equals, these."""
        both = [ops.concatenate(pair, axis=1) for pair in zip(self, others, strict=True)]
        _, best = ops.top_k(both[0], self.scores.shape[1])
        return _Finished(*_columns(both, best))


def beam_search(
    step: Step,
    token_ids: Tensor,
    state: State,
    *,
    beams: int,
    length: int | Tensor,
    end_id: int | None = None,
    forbidden: Sequence[int] = (),
    length_penalty: float = 0.0,
    limits: Tensor | None = None,
) -> Hypotheses:
    """Searches for the sequences y of the highest score (log P(y) / T_y^α, α the length penalty).

    A hypothesis is complete when it ends in `end_id`, which T_y counts, or has `length` tokens, or
    as many as the limit of its row. At each step all continuations of the `beams` running
    hypotheses are ranked by log P. Those among the first `beams` that end are complete, and kept if
    their score is one of the `beams` best; the first `beams` that do not end run on. Among equals
    the better beam goes first, and of one beam the lower id. One beam without a length penalty is
    greedy choice, which `generate` makes, without ranking.

    A row stops as soon as nothing that runs can enter its list of the best. A hypothesis with
    log P = r ≤ 0 can only lose probability, and for α ≥ 0 no score that it may still reach is above
    r / n^α, n being the most tokens that it may have: that of losing nothing more and being as long
    as possible. The row stops when this bound, for the best that runs, is not above the last of a
    full list. (The bound with the present length in place of n, which is common, is right for α = 0
    only.) The loop ends when all rows have; on JAX, where it cannot, `step` is not called any more.

    The loop can be part of a `tf.function`, with unknown size of the batch, and then consists of
    stock TensorFlow operations, if `step` does.

    Sources: Graves (2012), "Sequence transduction with recurrent neural networks", for the search;
    Wu et al. (2016), "Google's neural machine translation system", for α.

    Args:
        step: `step(token_ids (batch * beams,) int32, state) -> (logits (batch * beams, vocabulary),
            state)`.
        token_ids: (batch,) integers, the tokens that are read first.
        state: any nest of tensors (batch, ...), the state before those are read. It is repeated for
            the beams and reordered with them, except for tensors that `step` hands on as they are.
        beams: how many hypotheses run, and are returned, at least 1.
        length: the number of tokens of the longest hypothesis, at least 1: an integer, or on
            TensorFlow a scalar.
        end_id: the id of `<EOS>`, or None.
        forbidden: ids that no hypothesis has, such as padding and `<UNK>`.
        length_penalty: α, at least 0; 0 compares by log P, 1 by log P per token.
        limits: (batch,) integers from 1 to `length`, the most tokens of a hypothesis of each row,
            or None. Then a row finds the same whatever rows are beside it.

    Returns:
        `Hypotheses`.

    Raises:
        ValueError: if `beams` or `length` is below 1, or `length_penalty` below 0.
    """
    if beams < 1 or (isinstance(length, int) and length < 1):
        raise ValueError(
            f"`beams` and `length` must be at least 1. Received: beams={beams}, length={length}"
        )
    if length_penalty < 0:
        raise ValueError(f"`length_penalty` must be at least 0. Received: {length_penalty}")

    if beams == 1 and length_penalty == 0:
        ends: dict[str, Any] = {"end_id": end_id, "limits": limits, "forbidden": forbidden}
        return _greedy(generate(step, token_ids, state, steps=length, **ends))
    leaves, step = on_leaves(step, state)
    leaves = tuple(ops.repeat(leaf, beams, axis=0) for leaf in leaves)
    longest = ops.cast(length, "float32")
    most = longest if limits is None else ops.cast(limits, "float32")[:, None]
    # Leaves that were handed on as they are at all steps so far are alike in all beams of a row.
    alike = [True] * len(leaves)

    def advance(carry: tuple, slices: tuple) -> tuple[tuple, tuple]:
        (token_ids, running), leaves = carry[:2], carry[7:]
        finished, (t,) = _Finished(*carry[2:7]), slices
        logits, new_leaves = step(token_ids, leaves)
        values, parents, tokens = _continuations(logits, running, forbidden)

        ends = ops.zeros_like(tokens, dtype="bool") if end_id is None else tokens == end_id
        first = slice(None, beams)
        ending = ops.where(ends, values, -np.inf)[:, first]
        count = ops.cast(t + 1, "float32")
        finished = finished.merged(
            _Finished(
                scores=ending / count**length_penalty,
                log_probabilities=ending,
                prefixes=ops.full_like(parents[:, first], t),
                origins=parents[:, first],
                ends=ends[:, first],
            )
        )

        running, best = ops.top_k(ops.where(ends, -np.inf, values), beams)
        parents, tokens = _columns((parents, tokens), best)
        if limits is not None:
            at_limit = ops.cast(count, "float32") >= most  # (batch, 1)
            complete = ops.where(at_limit, running, -np.inf)
            finished = finished.merged(_cut_off(complete, count, t + 1, length_penalty))
            running = ops.where(at_limit, -np.inf, running)
        bound = running[:, :1] / most**length_penalty
        running = ops.where(bound > finished.scores[:, -1:], running, -np.inf)
        for i, (new, old) in enumerate(zip(new_leaves, leaves, strict=True)):
            alike[i] = alike[i] and new is old
        new_leaves = _reordered(new_leaves, parents, alike)
        carry = (ops.reshape(tokens, (-1,)), running, *finished, *new_leaves)
        return carry, (tokens, parents)

    def all_stopped(carry: tuple) -> Tensor:
        return ops.logical_not(ops.any(carry[1] > -np.inf))

    token_ids = ops.repeat(ops.cast(token_ids, "int32"), beams, axis=0)
    running, finished = _start(token_ids, beams)
    steps = ops.arange(length, dtype="int32")
    carry, (tokens, parents) = scan(
        advance, (token_ids, running, *finished, *leaves), (steps,), until=all_stopped
    )
    running, finished = carry[1], _Finished(*carry[2:7])
    complete = _cut_off(running, longest, length, length_penalty)
    return _read_back(finished.merged(complete), (steps, tokens, parents), end_id)


def _greedy(written: Generation) -> Hypotheses:
    """What was written greedily as the one hypothesis of each row."""
    totals = ops.sum(written.log_probabilities, axis=1)[:, None]
    return Hypotheses(written.tokens[:, None], totals, totals, written.lengths[:, None])


def _cut_off(running: Tensor, count: Any, prefix: Any, length_penalty: float) -> _Finished:
    """Running beams, log P (batch, beams), as hypotheses that are complete without an end."""
    nothing = ops.zeros_like(running, dtype="int32")
    return _Finished(
        scores=running / count**length_penalty,
        log_probabilities=running,
        prefixes=nothing + prefix,
        origins=nothing + ops.arange(running.shape[1], dtype="int32"),
        ends=ops.zeros_like(running, dtype="bool"),
    )


def _start(token_ids: Tensor, beams: int) -> tuple[Tensor, _Finished]:
    """Log P of the running beams, (batch, beams), and no finished hypotheses.

    The beams of a row begin alike, so all but the first have probability 0.
    """
    nothing = ops.reshape(ops.zeros_like(token_ids), (-1, beams))
    impossible = ops.cast(nothing, "float32") - np.inf
    running = ops.where(ops.arange(beams) == 0, 0.0, impossible)
    none = _Finished(impossible, impossible, nothing, nothing, ops.cast(nothing, "bool"))
    return running, none


def _continuations(
    logits: Tensor, running: Tensor, forbidden: Sequence[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """The most probable continuations of the running beams, best first, (batch, 2 * beams).

    Their log P, the beams that they continue and their tokens; twice as many as there are beams,
    since one of each may end. From logits (batch * beams, vocabulary) and log P (batch, beams).
    """
    before = running - ops.reshape(log_sum_exp(logits), (-1, running.shape[1]))
    return _best(permitted(logits, forbidden), before, running.shape[1] * min(2, logits.shape[-1]))


def _best(values: Tensor, before: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """The k greatest sums of each row: they, their beams and their tokens, (batch, k), falling.

    Sums of values (batch * beams, vocabulary) and `before`, (batch, beams); among equals those of
    the first beam and the lowest token. `ops.top_k` takes several times as long where there are
    many tokens: the k greatest lie in those k blocks of tokens that have the greatest maxima.
    """
    beams, vocabulary = before.shape[1], values.shape[1]
    size = 1 if vocabulary < _MANY else _block_size(vocabulary)
    blocks = -(-vocabulary // size)  # of a beam
    if missing := blocks * size - vocabulary:
        values = ops.pad(values, ((0, 0), (0, missing)), constant_values=-np.inf)
    values = ops.reshape(values, (-1, size))  # (batch * beams * blocks, size)
    maxima = ops.reshape(ops.max(values, axis=1), (-1, beams, blocks)) + before[..., None]
    sums, chosen = ops.top_k(ops.reshape(maxima, (-1, beams * blocks)), k)
    chosen = ops.cast(chosen, "int32")
    if size == 1:
        return sums, chosen // blocks, chosen % blocks
    chosen = ops.sort(chosen, axis=1)  # so that what is first among equals stays it
    (before,) = _columns([before], chosen // blocks)
    candidates = ops.take(values, _flat(chosen, beams * blocks), axis=0) + before[..., None]
    sums, places = ops.top_k(ops.reshape(candidates, (-1, k * size)), k)
    places = ops.cast(places, "int32")
    (chosen,) = _columns([chosen], places // size)
    return sums, chosen // blocks, chosen % blocks * size + places % size


def _block_size(vocabulary: int) -> int:
    """Tokens of a block: a divisor of the vocabulary, lest it be padded, or else 64."""
    return next((size for size in range(128, 31, -1) if vocabulary % size == 0), 64)


def _columns(tensors: Sequence[Tensor], indices: Tensor) -> list[Tensor]:
    """The columns `indices` (batch, k) of each of the tensors (batch, n), of the same shape."""
    flat = _flat(indices, tensors[0].shape[1])
    return [ops.take(tensor, flat) for tensor in tensors]


def _flat(indices: Tensor, columns: int) -> Tensor:
    """Indices (batch, k) of columns as indices of a flat tensor of (batch, columns)."""
    indices = ops.cast(indices, "int32")
    return ops.arange(ops.shape(indices)[0], dtype="int32")[:, None] * columns + indices


def _reordered(leaves: tuple, parents: Tensor, alike: Sequence[bool]) -> tuple:
    """Leaves (batch * beams, ...) with each beam's state that of its parent, (batch, beams)."""
    flat = ops.reshape(_flat(parents, parents.shape[1]), (-1,))
    return tuple(
        leaf if keep else ops.take(leaf, flat, axis=0)
        for leaf, keep in zip(leaves, alike, strict=True)
    )


def _read_back(finished: _Finished, history: tuple, end_id: int | None) -> Hypotheses:
    """Hypotheses with their tokens, which are read from the last to the first.

    The history: the steps, (length,), and the tokens and parents of the beams that ran on from
    each, (length, batch, beams).
    """

    def step(carry: tuple, slices: tuple) -> tuple[tuple, tuple]:
        (origins,), (t, tokens, parents) = carry, slices
        inside = t < finished.prefixes
        tokens, parents = _columns((tokens, parents), origins)
        token = ops.where(inside, tokens, PADDING_ID)
        if end_id is not None:
            at_end = ops.logical_and(finished.ends, t == finished.prefixes)
            token = ops.where(at_end, end_id, token)
        return (ops.where(inside, parents, origins),), (token,)

    _, (sequences,) = scan(step, (finished.origins,), history, reverse=True)
    lengths = finished.prefixes + ops.cast(finished.ends, "int32")
    exists = finished.scores > -np.inf
    sequences = ops.where(exists[..., None], ops.transpose(sequences, (1, 2, 0)), PADDING_ID)
    lengths = ops.where(exists, lengths, 0)
    return Hypotheses(sequences, finished.log_probabilities, finished.scores, lengths)
