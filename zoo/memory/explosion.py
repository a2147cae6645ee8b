"""Exploding gradients: a network whose Jacobians exceed 1, with and without clipping."""

from typing import Any, NamedTuple

import keras
import numpy as np

from zoo.cells.typing import Tensors
from zoo.memory.problems import Problem
from zoo.memory.readers import build
from zoo.training.optimizer import clip_by_global_norm, global_norm


class Clipping(NamedTuple):
    """The L1 or L2 norm, as `order`, above which a gradient is scaled down."""

    order: int
    threshold: float


class Descent(NamedTuple):
    """Loss and L2 norm of the gradient before clipping at each update, (updates,) float64."""

    losses: np.ndarray
    norms: np.ndarray

    @property
    def broken_at(self) -> int | None:
        """The first update, from 1 on, whose loss is infinite or not a number; None: there is none.

        From there on the weights are not numbers either.
        """
        broken = np.flatnonzero(~np.isfinite(self.losses))
        return int(broken[0]) + 1 if len(broken) else None

    @property
    def last_loss(self) -> float:
        """The mean over the last 20 updates."""
        return float(self.losses[-20:].mean())


def descend(
    problem: Problem,
    clipping: Clipping | None,
    *,
    units: int = 64,
    gain: float = 1.15,
    updates: int = 300,
    batch_size: int = 64,
    learning_rate: float = 0.01,
    seed: int = 1,
) -> Descent:
    """Trains an RNN unit with ReLU by plain gradient descent.

    Its recurrent weights begin as an orthogonal matrix times `gain`. ReLU does not hold it back: a
    step that leaves a unit on multiplies by up to `gain`.

    Args:
        problem: what it learns.
        clipping: of the gradient, by its global norm; None for none.
        units, gain: of the network.
        updates, batch_size, learning_rate: of the training.
        seed: of weights and examples.
    """
    model = build(problem, "rnn", units, seed=seed, gain=gain, activation="relu")
    optimizer = _Descent(learning_rate, clipping)
    model.compile(optimizer, problem.loss)
    generator, losses, norms = np.random.default_rng(seed), [], []
    for _ in range(updates):
        model.reset_metrics()  # whose loss would be the mean so far
        losses.append(float(model.train_on_batch(*problem.sample(generator, batch_size))))
        norms.append(float(optimizer.norm))
    return Descent(np.array(losses), np.array(norms))


class _Descent(keras.optimizers.SGD):
    """Plain gradient descent that keeps the norm of the gradient it was given."""

    def __init__(self, learning_rate: float, clipping: Clipping | None) -> None:
        super().__init__(learning_rate, name="descent")
        self.clipping = clipping
        self.norm = self.add_variable((), name="norm")

    def apply(self, grads: Tensors, trainable_variables: Any = None) -> Any:
        self.norm.assign(global_norm(grads))
        if self.clipping:
            grads = clip_by_global_norm(grads, self.clipping.threshold, self.clipping.order)
        return super().apply(grads, trainable_variables)
