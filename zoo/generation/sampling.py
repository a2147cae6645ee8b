"""From the logits of one step to a token: what may be drawn, and the draw."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.cells.typing import Tensor

_LARGE = 512  # tokens from which one softmax is faster than the steps of a stable logarithm
_TINY = 1e-30  # above 0 in single precision, also where denormal numbers are taken for 0


def permitted(logits: Tensor, forbidden: Sequence[int]) -> Tensor:
    """Logits with probability 0 for the tokens that must not be drawn, such as `<UNK>`.

    Drawing again until the draw is not forbidden gives the same distribution. Let q be the
    probability of all that is forbidden. Token i is the first permitted draw with probability
    Σ_k q^k p(i) = p(i) / (1 - q), since each of the k draws before it was a forbidden one; and that
    is the softmax of the logits that are left.

    Args:
        logits: (batch, vocabulary).
        forbidden: sequence of token ids.

    Returns:
        (batch, vocabulary): -inf at the forbidden ids.

    Raises:
        ValueError: if an id is not in the vocabulary, or none is left.
    """
    logits = ops.convert_to_tensor(logits)
    if len(forbidden) == 0:
        return logits
    vocabulary = logits.shape[-1]
    mask = np.zeros(vocabulary, bool)
    if min(forbidden) < 0 or max(forbidden) >= vocabulary:
        raise ValueError(
            f"`forbidden` must be ids of a vocabulary of {vocabulary}. Received: {forbidden!r}"
        )
    mask[list(forbidden)] = True
    if mask.all():
        raise ValueError("`forbidden` must leave a token to draw.")
    return ops.where(mask, -np.inf, logits)


def truncated(
    logits: Tensor,
    temperature: float | Tensor | None = None,
    top_k: int | Tensor | None = None,
    top_p: float | Tensor | None = None,
) -> Tensor:
    """Logits of the distribution to draw from.

    In this order: all logits are divided by the temperature; the `top_k` most probable tokens
    stay; of these, with their probabilities made to sum to 1, the nucleus stays: the smallest set
    of the most probable whose probability reaches `top_p`, at least one token (Holtzman et al.
    2020, "The curious case of neural text degeneration"). Among equals the lower ids are taken
    first, and no more of them than asked for.

    Each argument is None, which leaves its operations out, or a number, or a tensor (batch,) with
    a number for each row; in a graph, tensors that ask for nothing cost no sorting.

    Args:
        logits: (batch, vocabulary) float32.
        temperature: at least 0; below 1 sharpens the distribution. 0 leaves the most probable
            token (an equal share to each where several are equal).
        top_k: how many tokens stay; 0 for all.
        top_p: probability of the nucleus, from 0 to 1; 1 for all.

    Returns:
        (batch, vocabulary): -inf where nothing may be drawn.

    Raises:
        ValueError: if a number (not a tensor) is out of range.
    """
    _check(temperature, top_k, top_p)
    logits = ops.convert_to_tensor(logits)
    if temperature is not None:
        # Less the greatest, so that nothing but -inf can come of a division by almost 0.
        logits = logits - ops.max(logits, axis=-1, keepdims=True)
        logits = logits / ops.maximum(_per_row(temperature, "float32"), _TINY)
    top_k = None if isinstance(top_k, Integral) and top_k == 0 else top_k
    top_p = None if isinstance(top_p, Real) and top_p == 1 else top_p
    if top_k is None and top_p is None:
        return logits
    if isinstance(top_k, Integral) or isinstance(top_p, Real):
        return _most_probable(logits, top_k, top_p)
    asked = [] if top_k is None else [ops.any(ops.convert_to_tensor(top_k) > 0)]
    asked += [] if top_p is None else [ops.any(ops.convert_to_tensor(top_p) < 1)]
    return ops.cond(
        ops.any(ops.stack(asked)), lambda: _most_probable(logits, top_k, top_p), lambda: logits
    )


def _check(temperature: Any, top_k: Any, top_p: Any) -> None:
    if isinstance(temperature, Real) and not 0 <= float(temperature) < np.inf:
        raise ValueError(f"`temperature` must be at least 0. Received: {temperature!r}")
    if isinstance(top_k, Real) and (not isinstance(top_k, Integral) or top_k < 0):
        raise ValueError(f"`top_k` must be an integer, 0 or more. Received: {top_k!r}")
    if isinstance(top_p, Real) and not 0 <= float(top_p) <= 1:
        raise ValueError(f"`top_p` must be from 0 to 1. Received: {top_p!r}")


def _per_row(value: Any, dtype: str) -> Tensor:
    """A number, or (batch,) as (batch, 1)."""
    value = ops.cast(value, dtype)
    return value[:, None] if len(value.shape) else value


def _most_probable(logits: Tensor, top_k: Any, top_p: Any) -> Tensor:
    vocabulary = logits.shape[-1]
    if isinstance(top_k, Integral):
        ordered, _ = ops.top_k(logits, min(int(top_k), vocabulary))  # (batch, top_k), falling
        top_k = None
    else:
        ordered, _ = ops.top_k(logits, vocabulary)
    rank = ops.arange(ordered.shape[-1])
    stays = ops.ones_like(ordered, dtype="bool")
    if top_k is not None:
        top_k = _per_row(top_k, "int32")
        stays = rank < ops.where(top_k > 0, top_k, vocabulary)
    if top_p is not None and ordered.shape[-1] > 1:
        top_p = _per_row(top_p, "float32")
        sums = ops.cumsum(ops.softmax(ops.where(stays, ordered, -np.inf)), axis=-1)
        before = ops.concatenate([ops.zeros_like(sums[:, :1]), sums[:, :-1]], axis=-1)
        nucleus = ops.logical_or(before < ops.maximum(top_p, _TINY), top_p >= 1)
        stays = ops.logical_and(stays, nucleus)

    # Back in the order of the ids without sorting these too: what is above the last that stays,
    # and as many of its equals as there is room for.
    number = ops.sum(ops.cast(stays, "int32"), axis=-1, keepdims=True)  # (batch, 1)
    last = ops.take_along_axis(ordered, number - 1, axis=-1)
    above, equal = logits > last, logits == last
    room = number - ops.sum(ops.cast(above, "int32"), axis=-1, keepdims=True)
    admitted = ops.logical_and(equal, ops.cumsum(ops.cast(equal, "int32"), axis=-1) <= room)
    return ops.where(ops.logical_or(above, admitted), logits, -np.inf)


def draw(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Draws one token per row from the softmax, by the inverse of its cumulative distribution.

    The token is the first whose cumulative probability exceeds u. Its resolution is that of u and
    of sums in single precision: 2^-23, about 1e-7, with the numbers of `zoo.generation.uniforms`.
    A token of probability 0 is never drawn.

    Args:
        logits: (batch, vocabulary) float32; -inf for probability 0.
        uniforms: u, (batch,) float32 in [0, 1).

    Returns:
        (batch,) int32.
    """
    probabilities = ops.softmax(logits)
    # Where sums are made in parallel they need not rise: a token of probability 0 may change the
    # last digit. Only tokens that are possible take part, and one of them has the greatest sum.
    sums = ops.where(probabilities > 0, ops.cumsum(probabilities, axis=-1), 0.0)
    total = ops.max(sums, axis=-1, keepdims=True)  # 1 but for rounding
    thresholds = ops.convert_to_tensor(uniforms)[:, None] * total
    reached = ops.logical_or(sums > thresholds, sums >= total)
    return first(reached)  # which is true of no token whose sum is 0


def greedy(logits: Tensor) -> Tensor:
    """The most probable token of each row, the lowest id among equals: (batch,) int32."""
    if keras.backend.backend() == "tensorflow":  # whose `argmax` promises nothing among equals
        return ops.top_k(logits, 1)[1][:, 0]
    return ops.cast(ops.argmax(logits, axis=-1), "int32")


def log_sum_exp(logits: Tensor) -> Tensor:
    """Log Σ_i exp(z_i), (batch,), of logits z, (batch, vocabulary).

    Of many it is max z - log max softmax(z), where the greatest probability is 1 / n at least, so
    that nothing is lost: TensorFlow's softmax is one operation, and a fast one.
    """
    if logits.shape[-1] < _LARGE:
        return ops.logsumexp(logits, axis=-1)
    return ops.max(logits, axis=-1) - ops.log(ops.max(ops.softmax(logits), axis=-1))


def first(condition: Tensor) -> Tensor:
    """The index of the first True of each row: (batch, n) boolean -> (batch,) int32."""
    size = condition.shape[-1]
    return ops.min(ops.where(condition, ops.arange(size, dtype="int32"), size), axis=-1)
