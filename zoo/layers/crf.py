"""A linear-chain conditional random field: scores of whole tag sequences, and inference in them.

The score of the tags y = (y<1>, ..., y<T>) of a sequence x is a sum over its steps,

    s(x, y) = Σ_t ψ<t>(y<t-1>, y<t>)        p(y | x) = exp s(x, y) / Z(x)

with the log-potentials ψ<t>(i, j) of tag j at step t after tag i. `LinearChainCRF` makes them from
logits, as one tensor (batch, timesteps, tags, tags) that holds all there is to know: start, end and
padding are in it. So the loss (`zoo.training.ChainCrossentropy`) and the decoders below need no
weights, and a model may end in the layer.

At the first step all rows i are alike. A padded step is a potential of 0 for keeping the tag of
the step before, and `ILLEGAL` for any other: it changes neither Z nor a best path.

Everything runs on forward filtering and backward smoothing, in which each quantity is a logarithm
or a probability and none is a difference of large numbers. With p<t>(j), the probability of tag j
at step t given the potentials up to t:

    log c<t>  = log Z<t> - log Z<t-1> = log Σ_ij p<t-1>(i) exp ψ<t>(i, j)
    w<t>(i|j) = p<t-1>(i) exp ψ<t>(i, j) / Σ_k p<t-1>(k) exp ψ<t>(k, j)
    P(y<t-1> = i) = Σ_j w<t>(i|j) P(y<t> = j)

Sources: Lafferty, McCallum & Pereira (2001), "Conditional random fields"; Collobert et al. (2011),
"Natural language processing (almost) from scratch", and Lample et al. (2016), "Neural architectures
for named entity recognition", for the form with a network's logits; Rabiner (1989), "A tutorial on
hidden Markov models", for the recursions.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.cells.typing import Identifier, Shape, Tensor, Tensors
from zoo.layers.scan import scan

# The log-potential of what must not be. exp(-1e6) is 0, any sum of them over a sequence is finite,
# and no sum of real scores comes near it.
ILLEGAL = -1e6


@keras.saving.register_keras_serializable(package="zoo")
class LinearChainCRF(keras.layers.Layer):
    """The log-potentials of a linear chain, from one logit per tag and step.

        ψ<t>(i, j) = logits<t>(j) + transitions(i, j)
        ψ<1>(i, j) = logits<1>(j) + start(j)
        ψ<T>(i, j) has end(j) added

    With K tags it has the K (K + 2) weights `transitions` (K, K), from row to column, `start` and
    `end` (K,). At 0, where they begin by default, the steps are independent of each other.

    Args:
        allowed: None, or what may be, as `zoo.text.tags.allowed_transitions` gives it: three arrays
            of 0 and 1, tags that may begin a sequence (K,), tags that may follow a tag (K, K), from
            row to column, and tags that may end a sequence (K,). Anything else scores `ILLEGAL`:
            it has probability 0 and is never decoded.
        initializer, regularizer: of all three weights.
        dtype: "float32" or "float64". It does not follow a global policy of mixed precision, since
            logarithms of sums over a sequence are not for half precision.

    Call arguments:
        logits: (batch, timesteps, K).
        mask: (batch, timesteps), boolean, or None; padding is on the right.

    Returns:
        The log-potentials, (batch, timesteps, K, K). A row without any step that counts has Z = 1.

    Raises:
        ValueError: if `dtype` is of half precision, or the shapes in `allowed` are not those of K
            tags.
    """

    def __init__(
        self,
        allowed: Sequence[Any] | None = None,
        initializer: Identifier = "zeros",
        regularizer: Identifier = None,
        dtype: Any = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        if self.compute_dtype not in ("float32", "float64"):
            raise ValueError(
                f"`dtype` must be float32 or float64. Received: {self.dtype_policy.name!r}"
            )
        if allowed is not None:
            allowed = tuple(np.asarray(array).astype(bool) for array in allowed)
        self.allowed = allowed
        self.initializer = keras.initializers.get(initializer)
        self.regularizer = keras.regularizers.get(regularizer)
        self.supports_masking = True

    def build(self, logits_shape: Shape) -> None:
        tags = logits_shape[-1]
        shapes = {"start": (tags,), "transitions": (tags, tags), "end": (tags,)}
        if self.allowed is not None:
            received = [array.shape for array in self.allowed]
            if received != list(shapes.values()):
                raise ValueError(
                    f"`allowed` must have the shapes {list(shapes.values())} for logits of "
                    f"{tags} tags. Received: {received}"
                )
        self.start, self.transitions, self.end = (
            self.add_weight(
                shape=shape, name=name, initializer=self.initializer, regularizer=self.regularizer
            )
            for name, shape in shapes.items()
        )

    def call(self, logits: Tensor, mask: Tensor | None = None) -> Tensor:
        start, transitions, end = self._scores()
        if mask is None:
            mask = ops.ones(ops.shape(logits)[:2], dtype="bool")
        mask = ops.cast(mask, "bool")  # (batch, timesteps)
        after = ops.concatenate([mask[:, 1:], ops.zeros_like(mask[:, :1])], axis=1)
        last = ops.logical_and(mask, ops.logical_not(after))[..., None]
        logits = logits + ops.where(last, end, ops.zeros_like(end))
        first = ops.equal(ops.arange(ops.shape(logits)[1]), 0)[:, None, None]
        steps = ops.where(first, start, transitions)  # (timesteps, tags, tags)
        return _hold(logits[:, :, None, :] + steps, mask)

    def _scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """`start`, `transitions` and `end` as tensors, with `ILLEGAL` where one must not be."""
        weights = [ops.convert_to_tensor(w) for w in (self.start, self.transitions, self.end)]
        if self.allowed is not None:
            weights = [
                ops.where(allowed, weight, ops.full_like(weight, ILLEGAL))
                for allowed, weight in zip(self.allowed, weights, strict=True)
            ]
        start, transitions, end = weights
        return start, transitions, end

    def compute_output_shape(self, logits_shape: Shape) -> Shape:
        return (*logits_shape, logits_shape[-1])

    def get_config(self) -> dict[str, Any]:
        allowed = self.allowed
        return super().get_config() | {
            "allowed": None if allowed is None else [array.tolist() for array in allowed],
            "initializer": keras.initializers.serialize(self.initializer),
            "regularizer": keras.regularizers.serialize(self.regularizer),
        }


def log_partition_steps(potentials: Tensor) -> Tensor:
    """Log Z<t> - log Z<t-1>, where Z<t> sums over all tags of the first t steps, and Z<0> = 1.

    Their sum over the steps of a sequence is log Z(x). The gradient is written out, several times
    faster than by automatic differentiation; there is no second derivative. From potentials
    (batch, timesteps, K, K), K known when traced, to (batch, timesteps).
    """

    @ops.custom_gradient
    def steps(potentials: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
        potentials = _time_major(potentials)
        initial, messages, tops = _forward(potentials, _log_sum_exp)
        totals = ops.logsumexp(messages, axis=-1)  # (timesteps, batch)
        before = _previous(ops.zeros_like(totals[0]), totals)

        def gradient(*arguments: Tensor, upstream: Tensor = None) -> Tensor:
            if upstream is None:  # PyTorch hands it over by name
                (upstream,) = arguments
            upstream = ops.transpose(upstream)  # (timesteps, batch)
            after = ops.concatenate([upstream[1:], ops.zeros_like(upstream[:1])], axis=0)
            entering = (upstream - after)[..., None] * ops.softmax(messages)
            backward, flow = _smooth(potentials, initial, messages, tops, entering)
            return _time_major(backward * flow[:, :, None, :])

        return ops.transpose(tops + totals - before), gradient

    return steps(_at_least_single(potentials))


def marginals(potentials: Tensor, mask: Tensor | None = None) -> Tensor:
    """The probability of each tag at each step, given all of x.

    Args:
        potentials: (batch, timesteps, K, K), K known when traced.
        mask: (batch, timesteps), boolean, or None; padding is on the right.

    Returns:
        (batch, timesteps, K): P(y<t> = j | x), which sum to 1, and 0 where the mask is False.
        Without a mask, a padded step repeats the last that counts (1/K where none does).
    """
    potentials = _time_major(_hold(_at_least_single(potentials), mask))
    initial, messages, tops = _forward(potentials, _log_sum_exp)
    last = ops.softmax(messages[-1:])
    entering = ops.concatenate([ops.zeros_like(messages[:-1]), last], axis=0)
    _, probabilities = _smooth(potentials, initial, messages, tops, entering)
    # What is rounded at each step adds up over a long sequence, of all tags alike.
    probabilities = probabilities / ops.sum(probabilities, axis=-1, keepdims=True)
    probabilities = ops.transpose(probabilities, (1, 0, 2))
    if mask is None:
        return probabilities
    return probabilities * ops.cast(ops.cast(mask, "bool"), probabilities.dtype)[..., None]


def viterbi(potentials: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The tags of the highest score, and that score (Viterbi 1967). Among equals, the lowest ids.

    Args:
        potentials: (batch, timesteps, K, K), K known when traced.
        mask: (batch, timesteps), boolean, or None; padding is on the right.

    Returns:
        Tags (batch, timesteps) int32, and their score s(x, y), (batch,). Tags are 0 where the mask
        is False. Without a mask, a padded step repeats the last tag (0 where none counts). Log p of
        the tags is the score less the sum of `log_partition_steps`.
    """
    potentials = _time_major(_hold(_at_least_single(potentials), mask))
    initial, messages, tops = _forward(potentials, ops.max)
    scores = _previous(initial, messages)[..., None] + potentials
    best_before = first_best(scores, axis=2)  # (timesteps, batch, tags)
    last = first_best(messages[-1], axis=-1)  # (batch,)
    # Tags of all rows in one line, that of a row at a place of its own: a step is one lookup.
    timesteps, batch, number = ops.shape(best_before)
    begin = number * ops.arange(batch, dtype="int32")  # (batch,)
    before = best_before + begin[:, None]
    before = ops.reshape(before, (timesteps, batch * number))

    def step(carry: Tensors, slices: Tensors) -> tuple[Tensors, Tensors]:
        (place,), (before,) = carry, slices
        return (ops.take(before, place),), (place,)

    _, (places,) = scan(step, (last + begin,), (before,), reverse=True)
    tags = ops.transpose(places - begin)
    if mask is not None:
        tags = tags * ops.cast(ops.cast(mask, "bool"), "int32")
    return tags, ops.sum(tops, axis=0)


def first_best(scores: Tensor, axis: int) -> Tensor:
    """The index of the greatest along an axis, int32; among equals, the lowest.

    `ops.argmax` of floats also tells -0 from 0, at twice the time, which ONNX cannot express.
    """
    best = scores == ops.max(scores, axis=axis, keepdims=True)
    return ops.cast(ops.argmax(ops.cast(best, "int32"), axis=axis), "int32")


def _hold(potentials: Tensor, mask: Tensor | None) -> Tensor:
    """Potentials that keep the tag of the step before where the mask is False."""
    if mask is None:
        return potentials
    tags = potentials.shape[-1]
    holding = ops.cast(ILLEGAL * (1 - np.eye(tags)), potentials.dtype)
    return ops.where(ops.cast(mask, "bool")[..., None, None], potentials, holding)


def _at_least_single(potentials: Tensor) -> Tensor:
    potentials = ops.convert_to_tensor(potentials)
    return ops.cast(potentials, keras.backend.result_type(potentials.dtype, "float32"))


def _time_major(potentials: Tensor) -> Tensor:
    """(batch, timesteps, K, K) to (timesteps, batch, K, K), and back."""
    return ops.transpose(potentials, (1, 0, 2, 3))


def _previous(initial: Tensor, sequence: Tensor) -> Tensor:
    """What a loop over time had carried into each step."""
    return ops.concatenate([initial[None], sequence[:-1]], axis=0)


def _forward(potentials: Tensor, combine: Callable[..., Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """The recursion forwards in time, in logarithms; `ops.max` combines for the best path.

    It gives what goes into the first step, (batch, K); the messages, (timesteps, batch, K), each
    shifted to a greatest entry of 0, lest a long sum leave no digits; and the shifts.
    """
    # Before the first step, where all rows are alike, every tag has an equal share of 1.
    tags = potentials.shape[-1]
    share = math.log(tags) if combine is _log_sum_exp else 0.0
    initial = ops.zeros_like(potentials[0, :, 0]) - share

    def step(carry: Tensors, slices: Tensors) -> tuple[Tensors, Tensors]:
        (before,), (potential,) = carry, slices
        message = combine(ops.expand_dims(before, 2) + potential, axis=1)  # (batch, tags)
        top = ops.max(message, axis=-1)
        message = message - ops.expand_dims(top, 1)
        return (message,), (message, top)

    _, (messages, tops) = scan(step, (initial,), (potentials,))
    return initial, messages, tops


def _log_sum_exp(values: Tensor, axis: int) -> Tensor:
    """`ops.logsumexp` of finite values, with half of its operations."""
    top = ops.max(values, axis=axis, keepdims=True)
    return ops.log(ops.sum(ops.exp(values - top), axis=axis)) + ops.squeeze(top, axis=axis)


def _smooth(
    potentials: Tensor, initial: Tensor, messages: Tensor, tops: Tensor, entering: Tensor
) -> tuple[Tensor, Tensor]:
    """The recursion backwards in time, in probabilities, after `_forward` with `_log_sum_exp`.

    It gives w<t>(i|j), (timesteps, batch, K, K), and what flows through each tag, (timesteps,
    batch, K): all that is `entering` there, or later and passes by it. Where the p<T> of the last
    step enters, these are probabilities; other values make them gradients.
    """
    before = _previous(initial, messages)[..., None]
    after = (messages + tops[..., None])[:, :, None, :]
    backward = ops.exp(before + potentials - after)

    def step(carry: Tensors, slices: Tensors) -> tuple[Tensors, Tensors]:
        (later,), (backward, entering) = carry, slices
        flow = later + entering  # (batch, tags)
        return (ops.sum(backward * ops.expand_dims(flow, 1), axis=-1),), (flow,)

    nothing = ops.zeros_like(initial)
    _, (flow,) = scan(step, (nothing,), (backward, entering), reverse=True)
    return backward, flow
