# %% [markdown]
# # Cells, equation by equation
#
# A cell is one step of a recurrence. This chapter writes the six cells in NumPy, each line an
# equation, runs them over a sequence, and compares what they give with the cell of the zoo.
#
# $[p, q]$ stacks two vectors, $*$ multiplies element by element, $\sigma$ is the sigmoid, and
# $f = \tanh$. In the code below $W$ multiplies the stacked vector $[a^{\langle t-1\rangle},
# x^{\langle t\rangle}]$ from the left, as on the blackboard.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit as sigmoid

import zoo
from zoo import cells
from zoo.layers import Recurrence

keras.utils.set_random_seed(1)
f = np.tanh
x = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")  # (timesteps, input)


def stack(p, q):
    return np.concatenate([p, q])


def weights(cell):
    """W and b of each gate, by its name: (units, units + input) and (units,)."""
    W = np.concatenate([cell.recurrent_kernel, cell.kernel]).T
    b = np.asarray(cell.bias)
    return {gate: (W[cell.columns(gate)], b[cell.columns(gate)]) for gate in cell.gates}


def over_time(step, cell, x):
    """The states of all steps, from zeros on; the first of them is the output."""
    states = [np.zeros(cell.units) for _ in cell.get_initial_state(1)]
    found = []
    for x_t in x:
        states = step(x_t, *states, weights(cell))
        found.append(states)
    return np.array(found)  # (timesteps, states, units)


def compare(step, cell):
    """Holds a cell of the zoo against its equations in NumPy."""
    by_zoo = Recurrence(cell, return_sequences=True)(x[None])[0]  # draws the weights
    cell.bias.assign(np.random.default_rng(2).normal(size=cell.bias.shape))
    by_zoo = Recurrence(cell, return_sequences=True)(x[None])[0]
    np.testing.assert_allclose(over_time(step, cell, x)[:, 0], by_zoo, atol=1e-5)
    print(f"{type(cell).__name__:18} {cell.count_params():3} weights: as in NumPy")


# %% [markdown]
# ## RNN unit
#
# $$
# a^{\langle t\rangle} = f(W_a [a^{\langle t-1\rangle}, x^{\langle t\rangle}] + b_a)
# $$


# %%
def rnn_unit(x_t, a, weights):
    W_a, b_a = weights["activation"]
    return (f(W_a @ stack(a, x_t) + b_a),)


compare(rnn_unit, cells.RNNCell(4))

# %% [markdown]
# Other books write $h_t = \tanh(W h_{t-1} + U x_t + b_h)$. It is the same: $W$ and $U$ are the left
# and the right columns of $W_a$.
#
# ## Simplified GRU
#
# The memory cell $c^{\langle t\rangle}$ is the output, $a^{\langle t\rangle} = c^{\langle
# t\rangle}$. The update gate $\Gamma_u$ decides how much of the candidate $\tilde{c}^{\langle
# t\rangle}$ goes into it. A gate near 0 keeps the memory as it is, over as many steps as it takes.
#
# $$
# \begin{split}
# \tilde{c}^{\langle t\rangle} &= f(W_c [c^{\langle t-1\rangle}, x^{\langle t\rangle}] + b_c) \\
# \Gamma_u &= \sigma(W_u [c^{\langle t-1\rangle}, x^{\langle t\rangle}] + b_u) \\
# c^{\langle t\rangle} &= \Gamma_u * \tilde{c}^{\langle t\rangle}
#     + (1 - \Gamma_u) * c^{\langle t-1\rangle}
# \end{split}
# $$


# %%
def simplified_gru(x_t, c, weights):
    (W_c, b_c), (W_u, b_u) = weights["candidate"], weights["update"]
    candidate = f(W_c @ stack(c, x_t) + b_c)
    gate_u = sigmoid(W_u @ stack(c, x_t) + b_u)
    return (gate_u * candidate + (1 - gate_u) * c,)


compare(simplified_gru, cells.SimplifiedGRUCell(4))

# %% [markdown]
# ## Full GRU
#
# A relevance gate $\Gamma_r$ tells how much of the memory the candidate sees. It is applied before
# the product with $W_c$.
#
# $$
# \begin{split}
# \Gamma_r &= \sigma(W_r [c^{\langle t-1\rangle}, x^{\langle t\rangle}] + b_r) \\
# \tilde{c}^{\langle t\rangle} &= f(W_c [\Gamma_r * c^{\langle t-1\rangle}, x^{\langle t\rangle}]
#     + b_c)
# \end{split}
# $$


# %%
def full_gru(x_t, c, weights):
    (W_c, b_c), (W_u, b_u) = weights["candidate"], weights["update"]
    W_r, b_r = weights["relevance"]
    gate_r = sigmoid(W_r @ stack(c, x_t) + b_r)
    candidate = f(W_c @ stack(gate_r * c, x_t) + b_c)
    gate_u = sigmoid(W_u @ stack(c, x_t) + b_u)
    return (gate_u * candidate + (1 - gate_u) * c,)


compare(full_gru, cells.GRUCell(4))

# %% [markdown]
# ## Reset-after GRU
#
# The reset is applied after the product, and the update gate has the opposite sense: $z_t$ near 1
# keeps the memory. This is the form that cuDNN computes.
#
# $$
# \begin{split}
# z_t &= \sigma(W_z x_t + U_z h_{t-1} + b_z) \\
# r_t &= \sigma(W_r x_t + U_r h_{t-1} + b_r) \\
# h'_t &= \tanh(W_h x_t + r_t * (U_h h_{t-1}) + b_h) \\
# h_t &= z_t * h_{t-1} + (1 - z_t) * h'_t
# \end{split}
# $$


# %%
def reset_after_gru(x_t, h, weights):
    (UW_z, b_z), (UW_r, b_r) = weights["update"], weights["reset"]
    UW_h, b_h = weights["candidate"]
    U_h, W_h = np.split(UW_h, [h.size], axis=1)
    z = sigmoid(UW_z @ stack(h, x_t) + b_z)
    r = sigmoid(UW_r @ stack(h, x_t) + b_r)
    candidate = np.tanh(W_h @ x_t + r * (U_h @ h) + b_h)
    return (z * h + (1 - z) * candidate,)


compare(reset_after_gru, cells.ResetAfterGRUCell(4))

# %% [markdown]
# ## LSTM
#
# Update and forget are gates of their own: a memory can be kept and added to at once. The output
# gate decides what of the memory is shown.
#
# $$
# \begin{split}
# \tilde{c}^{\langle t\rangle} &= f(W_c [a^{\langle t-1\rangle}, x^{\langle t\rangle}] + b_c) \\
# \Gamma_{u,f,o} &= \sigma(W_{u,f,o} [a^{\langle t-1\rangle}, x^{\langle t\rangle}] + b_{u,f,o}) \\
# c^{\langle t\rangle} &= \Gamma_u * \tilde{c}^{\langle t\rangle}
#     + \Gamma_f * c^{\langle t-1\rangle} \\
# a^{\langle t\rangle} &= \Gamma_o * \tanh(c^{\langle t\rangle})
# \end{split}
# $$


# %%
def lstm_gates(x_t, a, weights):
    return {gate: sigmoid(W @ stack(a, x_t) + b) for gate, (W, b) in weights.items()}


def lstm(x_t, a, c, weights):
    W_c, b_c = weights["candidate"]
    gates = lstm_gates(x_t, a, weights)
    c = gates["update"] * f(W_c @ stack(a, x_t) + b_c) + gates["forget"] * c
    return gates["output"] * np.tanh(c), c


compare(lstm, cells.LSTMCell(4))

# %% [markdown]
# Some write $a^{\langle t\rangle} = \Gamma_o * c^{\langle t\rangle}$. The cell has it as an option.


# %%
def lstm_without_tanh(x_t, a, c, weights):
    _, c_new = lstm(x_t, a, c, weights)
    return lstm_gates(x_t, a, weights)["output"] * c_new, c_new


compare(lstm_without_tanh, cells.LSTMCell(4, output_activation=None))

# %% [markdown]
# ## Peephole LSTM
#
# Every gate also sees the memory; the candidate does not.
#
# $$
# \Gamma_{u,f,o} = \sigma(W_{u,f,o} [a^{\langle t-1\rangle}, x^{\langle t\rangle},
#     c^{\langle t-1\rangle}] + b_{u,f,o})
# $$
#
# Here the columns of $W$ that multiply the memory are a matrix of their own, $P$, and the output
# gate sees $c^{\langle t-1\rangle}$. With `peephole="diagonal"` each gate sees the memory of its
# own unit only, and the output gate sees $c^{\langle t\rangle}$ (Gers & Schmidhuber 2000).

# %%
peephole_cell = cells.PeepholeLSTMCell(4)


def peephole_lstm(x_t, a, c, weights):
    P = np.split(np.transpose(peephole_cell.peephole_kernel), 3)
    seen = dict(zip(("update", "forget", "output"), P, strict=True))
    gates = {
        gate: sigmoid(W @ stack(a, x_t) + (seen[gate] @ c if gate in seen else 0) + b)
        for gate, (W, b) in weights.items()
    }
    W_c, b_c = weights["candidate"]
    c = gates["update"] * f(W_c @ stack(a, x_t) + b_c) + gates["forget"] * c
    return gates["output"] * np.tanh(c), c


compare(peephole_lstm, peephole_cell)

# %% [markdown]
# A GRU has two gates: it is cheap and scales. An LSTM has three: it costs more and is more
# flexible.
#
# ## What gates do in a sentence
#
# A character-level language model of the zoo, trained on Shakespeare, reads a line. The LSTM above,
# in NumPy, runs its lower layer.

# %%
model = zoo.load("language_model_lstm_shakespeare_character")
line = "To be, or not to be, that is the question."
embedding = model.model.get_layer("embedding")
layer = model.model.get_layer("recurrence").recurrences[0]
vectors = np.asarray(embedding(np.array(model.tokenizer.vocabulary.ids(line))))
of_gates = weights(layer.cell)
states = over_time(lstm, layer.cell, vectors)
np.testing.assert_allclose(states[:, 0], layer(vectors[None])[0][0], atol=1e-4)

a_before = np.concatenate([np.zeros((1, layer.cell.units)), states[:-1, 0]])
pairs = zip(vectors, a_before, strict=True)
forget = np.array([lstm_gates(x_t, a, of_gates)["forget"] for x_t, a in pairs])  # (T, units)

# %% [markdown]
# Two kinds of units stand out among its 640: those that keep their memory through the whole line,
# and those that forget it where a word ends. Nobody told the network what a word is.

# %%
is_space = np.array([character == " " for character in line])
keeping = np.argsort(-forget.mean(axis=0))[:8]
at_spaces, elsewhere = forget[is_space].mean(axis=0), forget[~is_space].mean(axis=0)
word_units = np.argsort(at_spaces - elsewhere)[:8]
print(f"eight that keep most:      forget gate {forget[:, keeping].mean():.2f} on average")
print(f"eight that forget at ends: {at_spaces[word_units].mean():.2f} at spaces, ", end="")
print(f"{elsewhere[word_units].mean():.2f} elsewhere")
assert forget[:, keeping].mean() > 0.9
assert at_spaces[word_units].mean() < 0.1 < 0.5 < elsewhere[word_units].mean()

# %%
figure, axes = plt.subplots(figsize=(9, 4))
shown = axes.imshow(forget[:, [*keeping, *word_units]].T, vmin=0, vmax=1, aspect="auto")
axes.axhline(7.5, color="white", linewidth=2)
axes.set_xticks(range(len(line)), line.replace(" ", "␣"), fontsize=8)
axes.set_yticks([3.5, 11.5], ["eight that\nkeep most", "eight that\nforget at\nspaces"])
axes.set_title("Some units keep their memory through the line, others forget at the end of a word")
axes.set(xlabel="character read (step t)", ylabel="unit")
axes.grid(False)
figure.colorbar(shown, label="forget gate: 1 keeps, 0 forgets")

# %% [markdown]
# Next: [Both directions](bidirectional.py).
