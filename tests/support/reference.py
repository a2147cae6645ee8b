"""The equations of the cells in NumPy, read a second time and kept apart from `zoo.cells`; losses.

As on the blackboard: one matrix per gate, acting on the stacked vector [a<t-1>, x<t>]; examples are
columns. Everything in float64.
"""

import numpy as np
import scipy.special
from scipy.special import expit as sigmoid

ACTIVATIONS = {
    "linear": lambda z: z,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda z: np.maximum(z, 0),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "hard_sigmoid": lambda z: np.clip(z / 6 + 0.5, 0, 1),
    "silu": lambda z: z * sigmoid(z),
}


def stack(*vectors):
    """[p, q]"""
    return np.concatenate(vectors, axis=0)


class Equations:
    """A cell's step, from its weights as arrays.

    Args:
        cell: a built cell; only its class, its options and `columns` are used.
        weights: {variable name: array}, float64.
    """

    def __init__(self, cell, weights):
        config = cell.get_config()
        self.step = getattr(self, type(cell).__name__)
        self.f = ACTIVATIONS[config["activation"]]
        self.sigma = ACTIVATIONS[config.get("recurrent_activation", "linear")]
        self.g = ACTIVATIONS[config.get("output_activation", "linear")]
        self.diagonal = config.get("peephole") == "diagonal"
        self.units = config["units"]
        self.states = len(cell.state_size) if isinstance(cell.state_size, list) else 1
        self.U = {}  # what multiplies the state
        self.W = {}  # what multiplies the input
        self.b = {}
        for gate in cell.gates:
            columns = cell.columns(gate)
            self.U[gate] = weights["recurrent_kernel"][:, columns].T
            self.W[gate] = weights["kernel"][:, columns].T
            bias = weights["bias"][columns] if "bias" in weights else np.zeros(self.units)
            self.b[gate] = bias[:, None]
        self.P = {}  # what multiplies the memory
        if "peephole_kernel" in weights:
            for gate, block in zip(
                ("update", "forget", "output"),
                np.split(weights["peephole_kernel"].T, 3),
                strict=True,
            ):
                self.P[gate] = np.diag(block) if self.diagonal else block

    def matrix(self, gate):
        """W of one gate, acting on [a<t-1>, x<t>]."""
        return np.concatenate([self.U[gate], self.W[gate]], axis=1)

    def RNNCell(self, x, a):
        a = self.f(self.matrix("activation") @ stack(a, x) + self.b["activation"])
        return (a,)

    def SimplifiedGRUCell(self, x, c):
        candidate = self.f(self.matrix("candidate") @ stack(c, x) + self.b["candidate"])
        update = self.sigma(self.matrix("update") @ stack(c, x) + self.b["update"])
        return (update * candidate + (1 - update) * c,)

    def GRUCell(self, x, c):
        relevance = self.sigma(self.matrix("relevance") @ stack(c, x) + self.b["relevance"])
        update = self.sigma(self.matrix("update") @ stack(c, x) + self.b["update"])
        stacked = stack(relevance * c, x)
        candidate = self.f(self.matrix("candidate") @ stacked + self.b["candidate"])
        return (update * candidate + (1 - update) * c,)

    def ResetAfterGRUCell(self, x, h):
        W, U, b = self.W, self.U, self.b
        z = self.sigma(W["update"] @ x + U["update"] @ h + b["update"])
        r = self.sigma(W["reset"] @ x + U["reset"] @ h + b["reset"])
        candidate = self.f(W["candidate"] @ x + r * (U["candidate"] @ h) + b["candidate"])
        return (z * h + (1 - z) * candidate,)

    def LSTMCell(self, x, a, c):
        def gate(name, memory):
            z = self.matrix(name) @ stack(a, x) + self.b[name]
            return self.sigma(z + self.P[name] @ memory if self.P else z)

        candidate = self.f(self.matrix("candidate") @ stack(a, x) + self.b["candidate"])
        memory = gate("update", c) * candidate + gate("forget", c) * c
        output = gate("output", memory if self.diagonal else c)
        return output * self.g(memory), memory

    PeepholeLSTMCell = LSTMCell

    def over_time(self, x, initial=None, mask=None):
        """The recurrence over whole sequences.

        Args:
            x: (batch, timesteps, input_dim).
            initial: list of (batch, units); a<0> = 0 by default.
            mask: (batch, timesteps); where False the state and the output stay as they were, and
                the output is 0 before the first step that counts.

        Returns:
            [outputs (batch, timesteps, units), *final states (batch, units)].
        """
        batch, timesteps, _ = x.shape
        if initial is None:
            initial = [np.zeros((batch, self.units))] * self.states
        if mask is None:
            mask = np.ones((batch, timesteps), bool)
        states = [np.asarray(state, np.float64).T for state in initial]
        output = np.zeros((self.units, batch))
        outputs = []
        for t in range(timesteps):
            new = self.step(np.asarray(x[:, t], np.float64).T, *states)
            states = [np.where(mask[:, t], n, old) for n, old in zip(new, states, strict=True)]
            output = np.where(mask[:, t], new[0], output)
            outputs.append(output.T)
        return [np.stack(outputs, axis=1), *(state.T for state in states)]


def crossentropies(targets, logits):
    """-log ŷ of each target, where ŷ is the softmax of the last axis, in float64."""
    log_probabilities = scipy.special.log_softmax(np.asarray(logits, np.float64), axis=-1)
    return -np.take_along_axis(log_probabilities, targets[..., None], axis=-1)[..., 0]


def central_differences(function, array, step=1e-5):
    """The gradient of `function()`, a number, with respect to every entry of `array`."""
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + step
        above = function()
        array[index] = value - step
        below = function()
        array[index] = value
        gradient[index] = (above - below) / (2 * step)
    return gradient
