"""Where an export lets another engine run a whole recurrence as one operator of its own."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, TypeAlias

from zoo.cells.typing import Tensor, Tensors
from zoo.layers import engines

Operator: TypeAlias = Callable[
    [Tensor, Sequence[Tensors] | None, Tensor | None], tuple[Tensor, Sequence[Tensors]]
]
"""What runs the directions of a layer over a sequence, side by side, as their loops would.

From sequences (batch, timesteps, input_dim), the initial states of each direction or None for
zeros, and a mask, (batch, timesteps) or (batch, timesteps, 1), or None, to the outputs (batch,
timesteps, directions * units), each at its own step, and the final states of each direction.
"""

Writer: TypeAlias = Callable[..., Operator | None]
"""From sequences and the `Recurrence` of each direction to an operator, or None for the loop."""

_WRITER: ContextVar[Writer | None] = ContextVar("writer", default=None)


@contextlib.contextmanager
def written_by(writer: Writer) -> Iterator[None]:
    """Context in which the recurrences that are traced become the operators of a writer.

    Those that have none are loops: a converter knows no operation of the zoo's own.
    """
    token = _WRITER.set(writer)
    try:
        with engines.use("loop"):
            yield
    finally:
        _WRITER.reset(token)


def operator_of(
    sequences: Tensor, *directions: Any, training: bool | None = False
) -> Operator | None:
    """The operator of a layer, outside of training and where an export asks for it."""
    writer = _WRITER.get()
    return None if writer is None or training else writer(sequences, *directions)
