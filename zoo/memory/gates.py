"""What a cell does at each step: how open its gates are, and what its states hold."""

from typing import NamedTuple

import numpy as np
from keras import ops

from zoo.cells import RecurrentCell


class Trace(NamedTuple):
    """A cell at work on one sequence.

    Attributes:
        gates: by the names in `cell.gates`, the value of each after its activation, (timesteps,
            units) float32; those of a candidate and of the RNN unit among them.
        states: the new states of each step, in the order of the cell, (timesteps, units) each.
    """

    gates: dict[str, np.ndarray]
    states: tuple[np.ndarray, ...]


def trace(cell: RecurrentCell, x: np.ndarray) -> Trace:
    """Runs a cell over a sequence by its own equations, in inference, from states of zeros.

    Args:
        cell: a built cell of the zoo, whose `transition` tells of its gates first, in their order.
        x: (timesteps, input_dim), one step at least. It is computed in the type of the weights.
    """
    dtype = cell.variable_dtype
    projected = cell.project(ops.convert_to_tensor(x[None], dtype))  # (1, timesteps, G * units)
    weights = cell.recurrent_weights()
    states = tuple(ops.cast(state, dtype) for state in cell.get_initial_state(1))
    rows, kept = [], []
    for t in range(len(x)):
        new, residuals = cell.transition(projected[:, t], states, weights)
        states = tuple(cell.zone_out(states, new))
        gates = ops.concatenate(residuals, axis=1)[0]
        rows.append(ops.convert_to_numpy(gates)[: len(cell.gates) * cell.units])
        kept.append([ops.convert_to_numpy(state)[0] for state in states])
    values = np.stack(rows)
    return Trace(
        {gate: values[:, cell.columns(gate)] for gate in cell.gates},
        tuple(np.stack(state) for state in zip(*kept, strict=True)),
    )
