"""Generation step by step: each token that is drawn is what the next step reads."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from zoo.cells.typing import Tensor
from zoo.generation.sampling import draw, greedy, log_sum_exp, permitted, truncated
from zoo.generation.states import State, Step, hold, on_leaves
from zoo.layers.scan import scan
from zoo.text.special_tokens import PADDING_ID


class Generation(NamedTuple):
    """What `generate` returns.

    To go on where it stopped, hand `token_ids`, `state` and `finished` to the next call, with the
    uniforms of the steps that follow.

    Attributes:
        tokens: (batch, steps) int32, with the `<EOS>`; padding after the end of a row.
        log_probabilities: (batch, steps) float32, log P of each token by the model itself: the
            softmax of the logits as they are, at temperature 1, nothing cut off, the forbidden ids
            among the rest. 0 at padding. Their sum is log P of the sequence.
        lengths: (batch,) int32, how many tokens of a row are not padding.
        token_ids: (batch,) int32, the last token of each row, which `state` has not read yet.
        state: the state before that token is read, in the nest of the initial one.
        finished: (batch,) boolean, whether a row has ended by `end_id`, now or before.
    """

    tokens: Any
    log_probabilities: Any
    lengths: Any
    token_ids: Any
    state: Any
    finished: Any


def generate(
    step: Step,
    token_ids: Tensor,
    state: State,
    *,
    uniforms: Tensor | None = None,
    steps: int | Tensor | None = None,
    temperature: float | Tensor | None = None,
    top_k: int | Tensor | None = None,
    top_p: float | Tensor | None = None,
    forbidden: Sequence[int] = (),
    end_id: int | None = None,
    limits: Tensor | None = None,
    finished: Tensor | None = None,
) -> Generation:
    """Generates sequences, drawing with `uniforms`, or for `steps` greedily.

    At each step a row's token is drawn from `truncated(permitted(logits, forbidden), temperature,
    top_k, top_p)`, or greedily the most probable of those permitted is taken, the lowest id among
    equals. A row ends with `end_id` or at its limit; from then on its state keeps still. The time
    of a step does not depend on how many came before it. The loop ends when all rows have; on JAX,
    where it cannot, `step` is not called any more. It has one step at least, which is without
    effect where no row is active.

    The loop can be part of a `tf.function`, with unknown sizes of batch and time, and then consists
    of stock TensorFlow operations, if `step` does.

    Args:
        step: `step(token_ids (batch,) int32, state) -> (logits (batch, vocabulary), state)`.
        token_ids: (batch,) integers, the tokens that are read first.
        state: any nest of tensors (batch, ...), the state before those are read. Tensors that
            `step` hands on as they are cost nothing.
        uniforms: (batch, steps) float32 in [0, 1), from `zoo.generation.uniforms`, or None.
        steps: the number of steps, at least 1, if there are no uniforms.
        temperature, top_k, top_p: numbers or (batch,) tensors, as `truncated` has them.
        forbidden: ids that are never taken, such as padding and `<UNK>`.
        end_id: the id of `<EOS>`, or None.
        limits: (batch,) integers, how many tokens a row may have, or None.
        finished: (batch,) boolean, rows that have ended before, or None.

    Returns:
        A `Generation`.

    Raises:
        ValueError: unless there is one of `uniforms` and `steps`; if greedy choice is asked for
            with a temperature, top_k or top_p; if `steps` is below 1; as `truncated` and
            `permitted` do.
    """
    _check(uniforms, steps, (temperature, top_k, top_p))
    token_ids = ops.cast(token_ids, "int32")
    initial_leaves, step = on_leaves(step, state)
    nothing = ops.zeros_like(token_ids)
    endless = finished is None and limits is None and end_id is None
    finished = ops.cast(nothing if finished is None else finished, "bool")
    active = ops.logical_not(finished)
    if limits is not None:
        limits = ops.cast(limits, "int32")
        active = ops.logical_and(active, limits > 0)

    def choose(logits: Tensor, u: Tensor) -> Tensor:
        logits = permitted(logits, forbidden)
        if uniforms is None:
            return greedy(logits)
        return draw(truncated(logits, temperature, top_k, top_p), u)

    def advance(carry: tuple, slices: tuple) -> tuple[tuple, tuple]:
        token_ids, lengths, active, finished, *leaves = carry
        logits, new_leaves = step(token_ids, leaves)
        chosen = choose(logits, *slices)
        log_probabilities = log_probability(logits, chosen)

        lengths = lengths + ops.cast(active, "int32")
        still_active = active
        if end_id is not None:
            ends = ops.logical_and(active, chosen == end_id)
            finished = ops.logical_or(finished, ends)
            still_active = ops.logical_and(still_active, ops.logical_not(ends))
        if limits is not None:
            still_active = ops.logical_and(still_active, lengths < limits)
        if endless:
            return (chosen, lengths, active, finished, *new_leaves), (chosen, log_probabilities)
        carry = (
            ops.where(active, chosen, token_ids),
            lengths,
            still_active,
            finished,
            *hold(active, new_leaves, leaves),
        )
        outputs = (
            ops.where(active, chosen, PADDING_ID),
            ops.where(active, log_probabilities, 0.0),
        )
        return carry, outputs

    def all_ended(carry: tuple) -> Tensor:
        return ops.logical_not(ops.any(carry[2]))

    # Time first, as the loop wants it; greedily it only counts.
    slices = ops.arange(steps) if uniforms is None else ops.transpose(uniforms)
    initial = (token_ids, nothing, active, finished, *initial_leaves)
    until = None if endless else all_ended
    carry, outputs = scan(advance, initial, (slices,), until=until)
    token_ids, lengths, _, finished, *leaves = carry
    tokens, log_probabilities = (ops.transpose(y) for y in outputs)
    state = keras.tree.pack_sequence_as(state, leaves)
    return Generation(tokens, log_probabilities, lengths, token_ids, state, finished)


def _check(uniforms: Any, steps: Any, settings: Sequence[Any]) -> None:
    if (uniforms is None) == (steps is None):
        raise ValueError("Give `uniforms` to draw with, or `steps` for greedy choice.")
    if uniforms is None and any(setting is not None for setting in settings):
        raise ValueError("Greedy choice has no temperature, top_k or top_p; give `uniforms`.")
    steps = uniforms.shape[1] if steps is None else steps
    if isinstance(steps, int) and steps < 1:  # else a tensor, or not known before it runs
        raise ValueError("There must be at least one step.")


def log_probability(logits: Tensor, chosen: Tensor) -> Tensor:
    """Log softmax of (batch, vocabulary) logits at the (batch,) chosen ids."""
    of_chosen = ops.take_along_axis(logits, chosen[:, None], axis=-1)[:, 0]
    return of_chosen - log_sum_exp(logits)
