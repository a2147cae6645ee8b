"""How gradients flow back through the steps of a cell: backpropagation through time, looked at.

With s<t> = step(x<t>, s<t-1>) and J<t> = ∂s<t>/∂s<t-1>, the chain rule gives

    ∂L/∂s<t> = ∂L/∂s<T> J<T> J<T-1> ... J<t+1>

and so ‖∂L/∂s<t>‖ ≤ ‖∂L/∂s<T>‖ ‖J<T> ... J<t+1>‖ ≤ ‖∂L/∂s<T>‖ Π ‖J<k>‖. All norms below 1: the
gradient vanishes. All above 1: it may explode. Of the RNN unit J<t> = diag(f') W_aa, hence
‖J<t>‖ ≤ ‖W_aa‖ max|f'|. Source: Pascanu, Mikolov & Bengio, "On the difficulty of training
recurrent neural networks" (2013), section 2.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.cells import RecurrentCell, RNNCell
from zoo.cells.typing import Tensor, Tensors
from zoo.memory.problems import Problem

# The largest |f'| of activations: 1 of all but the sigmoid.
_STEEPEST = {
    keras.activations.linear: 1.0,
    keras.activations.tanh: 1.0,
    keras.activations.relu: 1.0,
    keras.activations.sigmoid: 0.25,
}


@dataclass(frozen=True)
class Flow:
    """What reaches a state by its distance, in steps, from the last one.

    Attributes:
        gradient: (timesteps + 1,) float64, ‖∂L/∂s‖ of an example, the mean over the batch, at
            distance 0, 1, ...; the states of a cell are one vector.
        product: (timesteps + 1,) ‖J<T> ... J‖₂, of the first example; 1 at distance 0.
        norms: (timesteps + 1,) the product of the norms of the same Jacobians, its upper bound.
        bound: ‖W_aa‖₂ max|f'|, the bound of each norm that follows from the weights alone; None of
            cells with gates, whose Jacobians have none below 1.
    """

    gradient: np.ndarray
    product: np.ndarray
    norms: np.ndarray
    bound: float | None

    @property
    def bound_of_product(self) -> float | None:
        """What `bound` says of the product over all steps."""
        if self.bound is None:
            return None
        with np.errstate(over="ignore"):
            return float(np.float64(self.bound) ** (len(self.product) - 1))

    @property
    def relative(self) -> np.ndarray:
        """The gradient as a fraction of that at distance 0."""
        return self.gradient / (self.gradient[0] or 1.0)

    def reach(self, fraction: float = 0.01) -> int | None:
        """The first distance at which less than this fraction is left, None if there is none."""
        below = np.flatnonzero(self.relative < fraction)
        return int(below[0]) if len(below) else None


def flow_of(model: keras.Model, problem: Problem, examples: int, seed: int) -> Flow:
    """The flow in a network as `zoo.memory.readers.build` returns it, of one answer at the end."""
    x, y = problem.sample(np.random.default_rng([seed, 2]), examples)
    answers: Any = model.get_layer("answers")
    recurrence: Any = model.get_layer("recurrence")
    return gradient_flow(recurrence.cell, x, lambda a: problem.loss(y, answers(a[:, None])))


def gradient_flow(cell: RecurrentCell, x: np.ndarray, loss: Callable[[Tensor], Tensor]) -> Flow:
    """Runs a cell over sequences and a loss of its last output back through every step.

    Args:
        cell: a built cell; any, on any backend of Keras.
        x: (batch, timesteps, input_dim).
        loss: of the last output, (batch, units); a scalar.
    """
    batch, timesteps, _ = x.shape
    projected = cell.project(ops.convert_to_tensor(x))  # (batch, timesteps, G * units)
    states = [cell.get_initial_state(batch)]
    for t in range(timesteps):
        states.append(list(cell.step(projected[:, t], states[-1])[1]))

    def of_states(last: Tensors) -> Tensors:
        return [loss(last[0])]

    gradient = pull_back(of_states, states[-1], [ops.ones(())])
    gradients, jacobian = [gradient], np.eye(sum(state.shape[1] for state in states[-1]))
    products, norms = [1.0], [1.0]
    for t in reversed(range(timesteps)):
        gradient = pull_back(_step(cell, projected[:, t]), states[t], gradient)
        gradients.append(gradient)
        one = jacobian_of(cell, projected[:1, t], [state[:1] for state in states[t]])
        with np.errstate(over="ignore", invalid="ignore"):
            jacobian = jacobian @ one
        products.append(_spectral_norm(jacobian))
        norms.append(norms[-1] * _spectral_norm(one))
    return Flow(
        np.array([_mean_norm(gradient) for gradient in gradients]),
        np.array(products),
        np.array(norms),
        weight_bound(cell),
    )


def jacobian_of(cell: RecurrentCell, projected: Tensor, states: Tensors) -> np.ndarray:
    """∂s<t>/∂s<t-1>, (size, size) float64, of one example: `projected` and states of one row."""
    sizes = [state.shape[1] for state in states]
    rows = sum(sizes)  # one for each number of the new states
    directions = np.split(np.eye(rows, dtype="float32"), np.cumsum(sizes)[:-1], axis=1)
    found = pull_back(
        _step(cell, ops.repeat(projected, rows, axis=0)),
        [ops.repeat(state, rows, axis=0) for state in states],
        [ops.convert_to_tensor(one) for one in directions],
    )
    return np.concatenate([_array(part) for part in found], axis=1)


def weight_bound(cell: RecurrentCell) -> float | None:
    """‖W_aa‖₂ max|f'| of an RNN unit, None of other cells or of activations not known here."""
    if not isinstance(cell, RNNCell) or cell.activation not in _STEEPEST:
        return None
    return _spectral_norm(_array(cell.recurrent_kernel)) * _STEEPEST[cell.activation]


def pull_back(
    function: Callable[[Tensors], Tensors], inputs: Tensors, gradients: Tensors
) -> Tensors:
    """The gradients of the inputs of a function from those of its outputs, lists of tensors."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.vjp(function, inputs)[1](gradients)[0]
    if keras.backend.backend() == "torch":
        import torch

        inputs = [one.detach().requires_grad_() for one in inputs]
        return list(
            torch.autograd.grad(function(inputs), inputs, gradients, materialize_grads=True)
        )
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = function(inputs)
    zero = tf.UnconnectedGradients.ZERO
    return tape.gradient(outputs, inputs, gradients, unconnected_gradients=zero)


def _step(cell: RecurrentCell, projected: Tensor) -> Callable[[Tensors], Tensors]:
    return lambda states: list(cell.step(projected, states)[1])


def _spectral_norm(matrix: np.ndarray) -> float:
    """The largest singular value; NaN of what is no longer a matrix of numbers."""
    return float(np.linalg.norm(matrix, 2)) if np.isfinite(matrix).all() else math.nan


def _mean_norm(gradient: Tensors) -> float:
    whole = np.concatenate([_array(part) for part in gradient], axis=1)
    return float(np.linalg.norm(whole, axis=1).mean())


def _array(tensor: Tensor) -> np.ndarray:
    return ops.convert_to_numpy(tensor).astype("float64")
