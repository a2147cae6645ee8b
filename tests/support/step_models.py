"""A small recurrent model written twice, with Keras and with NumPy, and what to compare it with."""

import keras
import numpy as np
import scipy.special
from keras import ops

VOCABULARY, UNITS, MEMORY = 6, 5, 3
END = 2


class Recurrent:
    """a<t> = tanh(a<t-1> W + E[x<t>] + mean(memory)); logits = a<t> V, of a dict as state.

    The state also has an integer, the number of tokens read, which shifts the logits of even and
    odd steps; and a memory, which is handed on as it is.
    """

    def __init__(self, seed=0, vocabulary=VOCABULARY, end_bias=0.0):
        generator = np.random.default_rng(seed)
        self.recurrent = generator.normal(size=(UNITS, UNITS))
        self.embeddings = 2 * generator.normal(size=(vocabulary, UNITS))
        self.output = 1.5 * generator.normal(size=(UNITS, vocabulary))
        self.parity = generator.normal(size=(2, vocabulary))
        self.parity[:, END] += end_bias

    def state(self, batch, seed=0):
        generator = np.random.default_rng(seed)
        return {
            "lstm": [generator.normal(size=(batch, UNITS)).astype("float32")],
            "memory": generator.normal(size=(batch, MEMORY, UNITS)).astype("float32"),
            "read": np.arange(batch, dtype="int32"),
        }

    def step(self, token_ids, state):
        recurrent, embeddings, output, parity = (
            ops.convert_to_tensor(w.astype("float32"))
            for w in (self.recurrent, self.embeddings, self.output, self.parity)
        )
        a = ops.matmul(state["lstm"][0], recurrent) + ops.take(embeddings, token_ids, axis=0)
        a = ops.tanh(a + ops.mean(state["memory"], axis=1))
        logits = ops.matmul(a, output) + ops.take(parity, state["read"] % 2, axis=0)
        return logits, {"lstm": [a], "memory": state["memory"], "read": state["read"] + 1}

    def row(self, row, seed=0, batch=8):
        """State of one row of `state(batch)`, for `numpy_step`."""
        state = self.state(batch, seed)
        return state["lstm"][0][row], state["memory"][row].mean(axis=0), state["read"][row]

    def numpy_step(self, token_id, state):
        """log-probabilities (vocabulary,) and the next state, of one row in float64."""
        a, memory, read = state
        a = np.tanh(a @ self.recurrent + self.embeddings[token_id] + memory)
        logits = a @ self.output + self.parity[read % 2]
        return logits - scipy.special.logsumexp(logits), (a, memory, read + 1)


def take(nest, rows):
    """Some rows of a nest of arrays; `rows` may be a tensor."""
    return keras.tree.map_structure(lambda array: ops.take(array, rows, axis=0), nest)


def kept(log_probabilities, temperature=1.0, top_k=0, top_p=1.0, forbidden=()):
    """The probabilities (vocabulary,) of what may be drawn, by sorting and adding up in Python."""
    p = np.exp(np.asarray(log_probabilities, "float64") / temperature)
    p[list(forbidden)] = 0
    p /= p.sum()
    order = sorted(range(len(p)), key=lambda i: (-p[i], i))
    order = order[: top_k or len(p)]
    nucleus, total = [], 0.0
    for i in order:
        if nucleus and total >= top_p * p[order].sum() and top_p < 1:
            break
        nucleus.append(i)
        total += p[i]
    result = np.zeros_like(p)
    result[nucleus] = p[nucleus]
    return result / result.sum()
