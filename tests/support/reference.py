"""The equations of the cells in NumPy, read a second time and kept apart from `zoo.cells`; losses.

As on the blackboard: for each gate a matrix for the state and one for the input; examples are
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


def standardized(vectors):
    """Columns of mean 0 and variance 1."""
    return (vectors - vectors.mean(axis=0)) / np.sqrt(vectors.var(axis=0) + 1e-5)


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
        self.gains = {  # of layer normalisation
            kind: {gate: weights[name][cell.columns(gate)] for gate in cell.gates}
            for kind, name in (("U", "recurrent_gain"), ("W", "kernel_gain"))
            if name in weights
        }
        self.of_memory = [weights[n][:, None] for n in weights if n.startswith("memory")]
        self.rates = config["zoneout"]
        self.P = {}  # what multiplies the memory
        if "peephole_kernel" in weights:
            for gate, block in zip(
                ("update", "forget", "output"),
                np.split(weights["peephole_kernel"].T, 3),
                strict=True,
            ):
                self.P[gate] = np.diag(block) if self.diagonal else block

    def products(self, kind, gates, vector):
        """U a or W x of some gates, which layer normalisation takes together."""
        matrices = {"U": self.U, "W": self.W}[kind]
        product = np.concatenate([matrices[gate] @ vector for gate in gates])
        if self.gains:
            gains = np.concatenate([self.gains[kind][gate] for gate in gates])
            product = gains[:, None] * standardized(product)
        return np.split(product, len(gates))

    def sums(self, gates, a, x):
        """W_g [a<t-1>, x<t>] + b_g of some gates."""
        products = zip(self.products("U", gates, a), self.products("W", gates, x), strict=True)
        return [u + w + self.b[gate] for gate, (u, w) in zip(gates, products, strict=True)]

    def RNNCell(self, x, a):
        (z,) = self.sums(["activation"], a, x)
        return (self.f(z),)

    def SimplifiedGRUCell(self, x, c):
        z_candidate, z_update = self.sums(["candidate", "update"], c, x)
        update = self.sigma(z_update)
        return (update * self.f(z_candidate) + (1 - update) * c,)

    def GRUCell(self, x, c):
        update, relevance = map(self.sigma, self.sums(["update", "relevance"], c, x))
        (z,) = self.sums(["candidate"], relevance * c, x)
        return (update * self.f(z) + (1 - update) * c,)

    def ResetAfterGRUCell(self, x, h):
        z, r = map(self.sigma, self.sums(["update", "reset"], h, x))
        (of_x,), (of_h,) = (
            self.products(kind, ["candidate"], v) for kind, v in (("W", x), ("U", h))
        )
        candidate = self.f(of_x + r * of_h + self.b["candidate"])
        return (z * h + (1 - z) * candidate,)

    def LSTMCell(self, x, a, c):
        gates = ["candidate", "update", "forget", "output"]
        sums = dict(zip(gates, self.sums(gates, a, x), strict=True))

        def gate(name, memory):
            return self.sigma(sums[name] + (self.P[name] @ memory if self.P else 0))

        memory = gate("update", c) * self.f(sums["candidate"]) + gate("forget", c) * c
        output = gate("output", memory if self.diagonal else c)
        shown = memory
        if self.of_memory:
            gain, shift = self.of_memory
            shown = gain * standardized(memory) + shift
        return output * self.g(shown), memory

    PeepholeLSTMCell = LSTMCell

    def zoned(self, x, states, held=None):
        """A step, after which each state is in part what it was: `held`, or the rate of zoneout."""
        new = self.step(x, *states)
        shares = zip(self.rates if held is None else held, states, new, strict=True)
        return [share * old + (1 - share) * state for share, old, state in shares]

    def over_time(self, x, initial=None, mask=None, held=None):
        """The recurrence over whole sequences.

        Args:
            x: (batch, timesteps, input_dim).
            initial: list of (batch, units); a<0> = 0 by default.
            mask: (batch, timesteps); where False the state and the output stay as they were, and
                the output is 0 before the first step that counts.
            held: what zoneout keeps, 0 or 1, for each state (timesteps, batch, units); None for its
                expectation.

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
            now = None if held is None else [of_state[t].T for of_state in held]
            new = self.zoned(np.asarray(x[:, t], np.float64).T, states, now)
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
