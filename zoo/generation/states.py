"""The state of a step function, any nest of tensors, as loops over time want it: flat."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from zoo.cells.typing import Tensor

State: TypeAlias = Any
"""A nest of tensors whose first axis is the batch."""
Step: TypeAlias = Callable[[Tensor, State], tuple[Tensor, State]]
"""`step(token_ids (batch,), state) -> (logits (batch, vocabulary), state)`."""


def on_leaves(step: Step, state: State) -> tuple[tuple, Step]:
    """`step` on the tensors of a state instead of their nest.

    Nothing is differentiated: what a step returns does not remember how it was computed (on
    PyTorch, which would keep all of it as long as the loop runs). A tensor that `step` hands on as
    it is, such as what a decoder attends to, is the same object afterwards. Returns the leaves of
    `state`, a tuple, and `step(token_ids, leaves) -> (logits float32, leaves)`.
    """

    def step_on_leaves(token_ids: Tensor, leaves: Sequence[Tensor]) -> tuple[Tensor, tuple]:
        logits, new_state = step(token_ids, keras.tree.pack_sequence_as(state, leaves))
        keras.tree.assert_same_paths(state, new_state)
        new_leaves = tuple(
            new if new is old else ops.stop_gradient(new)
            for new, old in zip(keras.tree.flatten(new_state), leaves, strict=True)
        )
        return ops.stop_gradient(ops.cast(logits, "float32")), new_leaves

    leaves = tuple(ops.convert_to_tensor(leaf) for leaf in keras.tree.flatten(state))
    return leaves, step_on_leaves


def hold(active: Tensor, new: Sequence[Tensor], old: Sequence[Tensor]) -> tuple:
    """The new leaves in the rows that are active, (batch,) boolean, and the old in the others."""

    def choose(new: Tensor, old: Tensor) -> Tensor:
        if new is old:
            return old
        return ops.where(ops.reshape(active, (-1,) + (1,) * (len(old.shape) - 1)), new, old)

    return tuple(choose(n, o) for n, o in zip(new, old, strict=True))
