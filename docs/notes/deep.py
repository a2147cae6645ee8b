# %% [markdown]
# # Deep networks
#
# The outputs of one recurrence are a sequence again, so another recurrence can read them. A deep
# recurrent network stacks a few layers; each unrolls through time, with weights of its own.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np

from zoo.layers import RecurrentStack

keras.utils.set_random_seed(0)
LAYERS, T, UNITS = 3, 6, 4
x = np.random.default_rng(0).normal(size=(T, 5)).astype("float32")  # (timesteps, input)

# %% [markdown]
# ## The equation
#
# $a^{[l]\langle t\rangle}$ is the activation of layer $l$ at step $t$. It has two inputs: the same
# layer one step before, and the layer below at the same step. $a^{[0]\langle t\rangle}$ is
# $x^{\langle t\rangle}$, and $a^{[l]\langle 0\rangle} = 0$.
#
# $$
# a^{[l]\langle t\rangle} = f(W_a^{[l]} [a^{[l]\langle t-1\rangle}, a^{[l-1]\langle t\rangle}]
#     + b_a^{[l]})
# $$

# %%
stack = RecurrentStack("rnn", UNITS, layers=LAYERS, bidirectional=False)
of_zoo = np.asarray(stack(x[None])[0])  # (timesteps, units), those of the last layer
weights = []
for recurrence in stack.recurrences:
    cell = recurrence.cell
    W_a = np.concatenate([cell.recurrent_kernel, cell.kernel]).T
    weights.append((W_a, np.asarray(cell.bias)))
    print(f"{recurrence.name}: W_a {W_a.shape}")


def unit(layer, a_before, below):
    W_a, b_a = weights[layer]
    return np.tanh(W_a @ np.concatenate([a_before, below]) + b_a)


# %% [markdown]
# ## Two orders, one result
#
# Layer by layer: the first layer runs through the whole sequence, then the second runs through what
# the first gave. So `RecurrentStack` works, since all the input products of a layer are then one
# matrix product.

# %%
below = x
for layer in range(LAYERS):
    a, outputs = np.zeros(UNITS), []
    for t in range(T):
        a = unit(layer, a, below[t])
        outputs.append(a)
    below = np.array(outputs)
np.testing.assert_allclose(below, of_zoo, atol=1e-5)

# %% [markdown]
# Step by step: all layers at step 1, then all at step 2. So a network generates text, which must
# have its output before it knows the next input. `RecurrentStack.step` is one such step.

# %%
states = [np.zeros((1, UNITS), "float32")] * LAYERS
a = np.zeros((LAYERS, UNITS))
for t in range(T):
    below = x[t]
    for layer in range(LAYERS):
        below = a[layer] = unit(layer, a[layer], below)
    output, states = stack.step(x[t][None], states)
    np.testing.assert_allclose(below, of_zoo[t], atol=1e-5)
    np.testing.assert_allclose(output[0], of_zoo[t], atol=1e-5)

# %% [markdown]
# Any order will do in which both inputs of a state come before it. State $(l, t)$ can be computed
# at round $l + t - 1$ at the earliest, together with all others of that round. So $L$ layers and
# $T$ steps need $L + T - 1$ rounds one after the other: depth adds to the length of the longest
# path, it does not multiply it.

# %%
earliest = np.zeros((LAYERS + 1, T + 1), int)  # row 0 is the input, column 0 the first state
for layer in range(1, LAYERS + 1):
    for t in range(1, T + 1):
        earliest[layer, t] = 1 + max(earliest[layer, t - 1], earliest[layer - 1, t])
rounds = earliest[1:, 1:]
layers, steps = np.indices(rounds.shape) + 1
np.testing.assert_array_equal(rounds, layers + steps - 1)
print(f"{LAYERS} layers, {T} steps: {rounds.size} states in {rounds.max()} rounds")

# %%
figure, axes = plt.subplots(figsize=(7, 3.2))
axes.imshow(rounds, origin="lower", aspect="auto", alpha=0.55)
for layer, t in np.ndindex(rounds.shape):
    axes.text(t, layer, rounds[layer, t], ha="center", va="center", fontsize=13)
    arrow = {"arrowprops": {"arrowstyle": "-|>", "color": "0.2"}}
    if t:
        axes.annotate("", (t - 0.2, layer), (t - 0.8, layer), **arrow)
    if layer:
        axes.annotate("", (t, layer - 0.25), (t, layer - 0.75), **arrow)
axes.set_xticks(range(T), range(1, T + 1))
axes.set_yticks(range(LAYERS), range(1, LAYERS + 1))
axes.set_title("Each state waits for the state before and for the layer below")
axes.set(xlabel="step t", ylabel="layer l")
axes.grid(False)

# %% [markdown]
# ## What a layer costs
#
# A layer above the first reads as many numbers as it has units, so each adds the same number of
# weights: $n (2 n + 1)$ for an RNN unit of $n$ units, four times that for an LSTM. Three layers are
# already much in a recurrent network, since each is as deep as the sequence is long.

# %%
for cell, gates in {"rnn": 1, "gru": 3, "lstm": 4}.items():
    counts = []
    for number in (1, 2, 3):
        deep = RecurrentStack(cell, 100, layers=number, bidirectional=False)
        deep.build((None, None, 50))
        counts.append(deep.count_params())
    assert np.diff(counts).tolist() == [gates * 100 * 201] * 2
    print(f"{cell:4} 100 units, 1 to 3 layers:", *(f"{count:>8,}" for count in counts))

# %% [markdown]
# ## A way past a layer
#
# With `residual=True` the input of a layer is added to its output, $a^{[l]\langle t\rangle} +
# a^{[l-1]\langle t\rangle}$, where both have the same width. A layer then learns what to change,
# and the gradient has a path that no layer shrinks.

# %%
residual = RecurrentStack("rnn", UNITS, layers=2, bidirectional=False, residual=True)
plain = RecurrentStack("rnn", UNITS, layers=2, bidirectional=False)
residual.build((1, T, 5))
plain.build((1, T, 5))
plain.set_weights(residual.get_weights())
first = plain.recurrences[0](x[None])  # 5 inputs, 4 units: nothing to add
np.testing.assert_allclose(residual(x[None]), plain(x[None]) + first, atol=1e-5)

# %% [markdown]
# A deep network can be bidirectional too: then each layer reads both directions of the one below.
#
# Next: [Shapes of sequence problem](shapes.py).
