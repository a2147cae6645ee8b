"""Backpropagation through time, written out.

With the state s<t> = step(x<t> W + b, s<t-1>; U), automatic differentiation adds one product
a<t-1>ᵀ dz<t> to the gradient of U at every step. Here the loop backwards in time only carries the
gradient of the state and collects dz<t>; each weight gradient is then one product over all steps.
"""

import functools
from collections.abc import Callable

from keras import ops

from zoo.cells import RecurrentCell
from zoo.cells.typing import Tensor, Tensors
from zoo.layers.scan import scan


def recur(
    cell: RecurrentCell,
    projected: Tensor,
    initial_states: Tensors,
    mask: Tensor | None,
    training: bool | None,
    reverse: bool = False,
) -> tuple[Tensor, Tensors]:
    """The states of a cell over a sequence, differentiable by `cell.backward`.

    Args:
        cell: a built `RecurrentCell` with `has_backward`.
        projected: `cell.project` of the whole sequence, (timesteps, batch, G * units).
        initial_states: list of (batch, units).
        mask: (timesteps, batch, 1) boolean or None; a state does not change where it is False.
        training: True draws the cell's zoneout, and keeps the gates of the forward pass for the
            gradient; False keeps nothing, and a gradient, if one is asked for, runs the forward
            pass again.
        reverse: whether to begin with the last step.

    Returns:
        The first state at every step, (timesteps, batch, units), and the list of final states.
    """
    weights = cell.recurrent_weights()
    number_of_states = len(initial_states)
    if mask is not None:  # at its full size once, for a selection that need not broadcast at a step
        mask = ops.broadcast_to(mask, (*ops.shape(projected)[:2], cell.units))
    drawn = cell.draw_zoneout(ops.shape(projected)[:2], training)

    @ops.custom_gradient
    def states_over_time(
        projected: Tensor, *states_and_weights: Tensor
    ) -> tuple[Tensors, Callable[..., Tensors]]:
        initial = states_and_weights[:number_of_states]
        weights = states_and_weights[number_of_states:]
        run = functools.partial(_forward, cell, projected, initial, weights, mask, drawn, reverse)
        final, kept = run(keep=training)
        outputs = kept[0]

        def gradient(*upstream: Tensor) -> Tensors:
            if len(upstream) == 1:  # JAX hands over one tuple
                (upstream,) = upstream
            everything = kept if training else run(keep=True)[1]
            return _backward(cell, everything, initial, weights, mask, drawn, upstream, reverse)

        return (outputs, *final), gradient

    outputs, *final = states_over_time(projected, *initial_states, *weights)
    return outputs, final


def _forward(
    cell: RecurrentCell,
    projected: Tensor,
    initial: Tensors,
    weights: Tensors,
    mask: Tensor | None,
    drawn: Tensors,
    reverse: bool,
    keep: bool | None,
) -> tuple[Tensors, Tensors]:
    """The loop of the recurrence: final states, and the states and residuals of all steps."""

    def step(states: Tensors, slices: Tensors) -> tuple[Tensors, Tensors]:
        projected, active, *drawn = slices
        new_states, residuals = cell.transition(projected, states, weights)
        new_states = cell.zone_out(states, new_states, drawn)
        if active is not None:
            new_states = tuple(
                ops.where(active, new, old) for new, old in zip(new_states, states, strict=True)
            )
        return new_states, (*new_states, *residuals) if keep else new_states[:1]

    return scan(step, initial, (projected, mask, *drawn), reverse=reverse)


def _backward(
    cell: RecurrentCell,
    kept: Tensors,
    initial: Tensors,
    weights: Tensors,
    mask: Tensor | None,
    drawn: Tensors,
    upstream: Tensors,
    reverse: bool,
) -> Tensors:
    """The loop the other way: gradients of the projected inputs, initial states and weights."""
    states, residuals = kept[: len(initial)], kept[len(initial) :]
    previous = tuple(
        ops.concatenate([state[1:], first[None]] if reverse else [first[None], state[:-1]], axis=0)
        for first, state in zip(initial, states, strict=True)
    )
    # On a CPU a product with a transposed view is several times slower: transpose once.
    transposed = tuple(ops.transpose(weight) for weight in weights)
    d_outputs, *d_final = upstream
    slopes = cell.slopes(previous, residuals)
    zoneout, count = any(cell.zoneout), len(drawn)

    def step(d_states: Tensors, slices: Tensors) -> tuple[Tensors, Tensors]:
        d_output, active, *others = slices
        drawn, slopes = others[:count], others[count:]
        d_states = (d_states[0] + d_output, *d_states[1:])
        d_new: Tensors = d_states
        if zoneout:  # what a state keeps of the one before passes by the step
            nothing = tuple(map(ops.zeros_like, d_states))
            d_new = cell.zone_out(nothing, d_states, drawn)
            d_held = cell.zone_out(d_states, nothing, drawn)
        d_projected, d_previous = cell.backward(d_new, slopes, transposed)
        if zoneout:
            d_previous = tuple(map(ops.add, d_previous, d_held))
        if active is not None:  # else the state was held, and its gradient passes by the step
            d_previous = tuple(
                ops.where(active, through, by)
                for through, by in zip(d_previous, d_states, strict=True)
            )
        return d_previous, (d_projected,)

    sequences = (d_outputs, mask, *drawn, *slopes)
    d_initial, (d_projected,) = scan(step, d_final, sequences, reverse=not reverse)
    if mask is not None:
        d_projected = ops.where(mask[..., :1], d_projected, ops.zeros_like(d_projected))
    d_weights = cell.weight_gradients(previous, residuals, d_projected)
    return (d_projected, *d_initial, *d_weights)
