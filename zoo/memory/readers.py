"""Networks of one recurrent layer for the problems, and their training, update by update."""

from typing import Any, NamedTuple

import keras
import numpy as np

from zoo.cells import CELLS
from zoo.cells.remember import Remember
from zoo.layers import Recurrence
from zoo.memory.problems import Problem
from zoo.networks.seeds import seeded
from zoo.training import ClippedAdam

VALIDATION = 500  # examples, the same at each look
_UPDATES_WORTH_COMPILING = 200


class Trained(NamedTuple):
    """How a training went.

    Attributes:
        looks: (updates so far, figure on validation) at each look.
        solved: whether the last of them reached the goal.
    """

    looks: list[tuple[int, float]]
    solved: bool

    @property
    def figure(self) -> float:
        """At the last look."""
        return self.looks[-1][1]


@seeded
def build(
    problem: Problem,
    cell: str,
    units: int,
    *,
    remember: Remember = None,
    seed: int | None = None,
    gain: float = 1.0,
    **options: Any,
) -> keras.Model:
    """A recurrence that reads a problem and a dense layer that answers at its last steps.

    Args:
        problem: what it reads.
        cell: name of a cell in `CELLS`.
        units: of the cell.
        remember: how the gate that keeps starts, see `RecurrentCell`; None for the cell's own way.
        seed: of the initial weights.
        gain: of the orthogonal recurrent weights, the size of each singular value of a gate's.
        **options: further arguments of the cell.

    Returns:
        A `keras.Model`, (batch, timesteps, width) -> (batch, answers, outputs); its layers
        "recurrence" and "answers".
    """
    inputs = keras.Input((None, problem.width))
    options |= {"recurrent_initializer": keras.initializers.Orthogonal(gain)}
    made = CELLS[cell](units, remember=remember, **options)
    x = Recurrence(made, return_sequences=problem.answers > 1, name="recurrence")(inputs)
    x = x[:, -problem.answers :] if problem.answers > 1 else x[:, None]
    return keras.Model(inputs, keras.layers.Dense(problem.outputs, name="answers")(x))


def train(
    model: keras.Model,
    problem: Problem,
    *,
    updates: int,
    batch_size: int = 32,
    learning_rate: float = 0.003,
    seed: int = 1,
    every: int = 50,
    validation: Problem | None = None,
) -> Trained:
    """Trains until the problem is solved, on new examples at each update.

    The optimizer is Adam on gradients clipped at an L2 norm of 1.

    Args:
        model: as `build` returns it.
        problem: what it learns.
        updates: the most there are.
        batch_size, learning_rate: of the training.
        seed: of the examples; those of the validation are others.
        every: so many updates lie between two looks at the validation.
        validation: the problem that has to be solved, where it is not the one that is learnt.
    """
    # XLA halves the time of an update, and compiles for each length as long as a hundred take.
    worth_it = problem.one_length and updates > _UPDATES_WORTH_COMPILING
    xla = worth_it and keras.backend.backend() != "torch"
    model.compile(ClippedAdam(learning_rate), problem.loss, jit_compile=xla)
    validation = validation or problem
    x, y = validation.sample(np.random.default_rng([seed, 1]), VALIDATION)
    generator, looks = np.random.default_rng(seed), []
    for update in range(1, updates + 1):
        model.train_on_batch(*problem.sample(generator, batch_size))
        if update % every == 0 or update == updates:
            looks.append((update, problem.figure(y, model.predict_on_batch(x))))
            if validation.solved(looks[-1][1]):
                return Trained(looks, solved=True)
    return Trained(looks, solved=False)
