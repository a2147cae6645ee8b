# %% [markdown]
# # Vanishing and exploding gradients
#
# - The **cats**, which already ate a bunch of food that was delicious, **were** full.
# - The **cat**, which already ate a bunch of food that was delicious, **was** full.
#
# The verb depends on a word far before it. To learn that, the loss at the verb has to change what
# the network does at the noun. This chapter shows why the gradient often does not get that far, or
# grows beyond measure on its way, and the remedies: gates and clipping.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from zoo.cells import LSTMCell, RNNCell, SimplifiedGRUCell
from zoo.layers import Recurrence
from zoo.memory.flow import gradient_flow
from zoo.training.optimizer import clip_by_global_norm

keras.utils.set_random_seed(0)
random = np.random.default_rng(0)

# %% [markdown]
# ## A product with a factor for each step
#
# The gradient of a late loss reaches an early state through a product of Jacobians:
#
# $$
# \frac{\partial h_t}{\partial h_1} = \frac{\partial h_t}{\partial h_{t-1}} \cdots
#     \frac{\partial h_2}{\partial h_1},
# \qquad \frac{\partial h_j}{\partial h_{j-1}} = \text{diag}(f'(z_j)) \, W
# $$
#
# All factors below 1: the product vanishes. All above 1: it explodes. We take $W = s \, Q$, a
# rotation $Q$ times a number $s$. Then without an activation the norm of the product is exactly
# $s^n$ after $n$ steps. The slope of tanh is at most 1, so tanh makes it smaller.

# %%
UNITS, T = 20, 60
Q, _ = np.linalg.qr(random.normal(size=(UNITS, UNITS)))
x = 0.1 * random.normal(size=(T, UNITS))


def norms(s, slope):
    """The norm of the product of the last 0, 1, ..., T Jacobians."""
    h, jacobians = np.zeros(UNITS), []
    for x_t in x:
        h = np.tanh(s * Q @ h + x_t)
        jacobians.append(slope(h)[:, None] * (s * Q))
    product, found = np.eye(UNITS), [1.0]
    for jacobian in reversed(jacobians):
        product = product @ jacobian
        found.append(np.linalg.norm(product, 2))
    return np.array(found)


distance = np.arange(T + 1)
of_linear = {s: norms(s, np.ones_like) for s in (0.9, 1.0, 1.1)}
of_tanh = {s: norms(s, lambda h: 1 - h**2) for s in of_linear}
for s in of_linear:
    np.testing.assert_allclose(of_linear[s], s**distance, rtol=1e-8)
    assert (of_tanh[s] <= s**distance * (1 + 1e-9)).all()
    print(f"s = {s}: after {T} steps {of_linear[s][-1]:8.3g}, with tanh {of_tanh[s][-1]:8.3g}")

# %% [markdown]
# `zoo.memory` measures the same of any cell, here of an RNN unit with these weights:

# %%
cell = RNNCell(UNITS)
cell.build((1, UNITS))
cell.set_weights([np.eye(UNITS), 1.1 * Q.T, np.zeros(UNITS)])  # of x, of h, bias
flow = gradient_flow(cell, x[None].astype("float32"), tf.reduce_sum)
np.testing.assert_allclose(flow.product, of_tanh[1.1], rtol=1e-3)

# %%
figure, axes = plt.subplots()
for i, s in enumerate(of_linear):
    axes.semilogy(distance, of_linear[s], color=f"C{i}", label=f"s = {s}")
    axes.semilogy(distance, of_tanh[s], color=f"C{i}", linestyle=":")
axes.set_title("A factor for each step: the gradient vanishes or explodes")
axes.set(xlabel="distance (steps)", ylabel="norm of the product\nof Jacobians")
axes.legend(title="solid: no activation\ndotted: tanh")

# %% [markdown]
# ## What gates change
#
# In a simplified GRU the memory goes from step to step by $c^{\langle t\rangle} = \Gamma_u *
# \tilde{c}^{\langle t\rangle} + (1 - \Gamma_u) * c^{\langle t-1\rangle}$. Besides what goes through
# the gates, the Jacobian has the term $1 - \Gamma_u$: no weights, no activation. A gate near 0
# makes it a factor near 1. In an LSTM the memory has a path of its own, beside $a^{\langle
# t-1\rangle}$, and its factor is $\Gamma_f$:
#
# $$
# \text{GRU: } \frac{\partial c^{\langle t\rangle}}{\partial c^{\langle t-1\rangle}} =
#     \text{diag}(1 - \Gamma_u) + \ldots
# \qquad \text{LSTM: }
# \frac{\partial c^{\langle t\rangle}}{\partial c^{\langle t-1\rangle}} = \text{diag}(\Gamma_f)
# $$

# %%
cell = LSTMCell(3)
x_t, a, c = (tf.constant(random.normal(size=(1, 3)), "float32") for _ in range(3))
with tf.GradientTape() as tape:
    tape.watch(c)
    _, (_, c_next) = cell(x_t, [a, c])
(jacobian,) = tape.batch_jacobian(c_next, c)
z = x_t @ cell.kernel + a @ cell.recurrent_kernel + cell.bias
forget = tf.sigmoid(z[0, cell.columns("forget")])
np.testing.assert_allclose(jacobian, np.diag(forget), atol=1e-5)

# %% [markdown]
# We measure how much of the gradient of the last output reaches each input, in networks that have
# learnt nothing yet. The option `remember` sets how the gates begin: with 4 $b_u = -4$, which makes
# $\Gamma_u$ about 0.02, and $b_f = 4$, which makes $\Gamma_f$ about 0.98. Training can do the same.


# %%
def gradient_by_distance(cell):
    """The gradient of the last output at the input of each step: norms, the last step first."""
    layer = Recurrence(cell)
    inputs = tf.constant(random.normal(size=(8, T, UNITS)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = tf.reduce_sum(layer(inputs))
    return np.linalg.norm(tape.gradient(output, inputs), axis=-1).mean(axis=0)[::-1]


flows = {
    "RNN unit": gradient_by_distance(RNNCell(UNITS)),
    "LSTM, b_f = 1": gradient_by_distance(LSTMCell(UNITS)),
    "simplified GRU, b_u = -4": gradient_by_distance(SimplifiedGRUCell(UNITS, remember=4)),
    "LSTM, b_f = 4": gradient_by_distance(LSTMCell(UNITS, remember=4)),
}
for name, flow in flows.items():
    print(f"{name:25} {flow[-1] / flow[0]:8.1e} of the gradient is left after {T - 1} steps")
assert flows["RNN unit"][-1] / flows["RNN unit"][0] < 1e-4
for name in ("simplified GRU, b_u = -4", "LSTM, b_f = 4"):
    assert flows[name][-1] / flows[name][0] > 0.05

# %%
figure, axes = plt.subplots()
for (name, flow), line in zip(flows.items(), ("-", "--", "-.", ":"), strict=True):
    axes.semilogy(flow / flow[0], line, label=name)
axes.set_title("Gates that keep let the gradient pass")
axes.set(xlabel="distance from the last step (steps)", ylabel="share of the gradient left")
axes.legend()

# %% [markdown]
# ## Was or were
#
# The first word is singular or plural, then come 60 words that say nothing about it, then the
# network has to choose between "was" and "were". Both networks have 16 units and see the same
# sentences, 64 at each update. Guessing has a loss of $\log 2$. Now and then an RNN unit finds the
# way by luck, so we begin from three seeds.

# %%
BETWEEN, UPDATES, SEEDS = 60, 70, 3


def learn(cell):
    """The loss of the verb at each update."""
    inputs = keras.Input((BETWEEN + 1, 6))
    model = keras.Model(inputs, keras.layers.Dense(1)(Recurrence(cell)(inputs)))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    draw, losses = np.random.default_rng(1), []
    for _ in range(UPDATES):
        plural = draw.integers(2, size=(64, 1))
        words = np.concatenate([plural, draw.integers(2, 6, size=(64, BETWEEN))], axis=1)
        model.reset_metrics()
        losses.append(float(model.train_on_batch(np.eye(6, dtype="float32")[words], plural)))
    return losses


kinds = {"RNN unit": (RNNCell, {}), "simplified GRU": (SimplifiedGRUCell, {"remember": 4})}
losses = {}
for name, (cell, options) in kinds.items():
    losses[name] = []
    for seed in range(SEEDS):
        keras.utils.set_random_seed(seed)
        losses[name].append(learn(cell(16, **options)))
    last = np.mean(losses[name], axis=1, where=np.arange(UPDATES) >= UPDATES - 10)
    print(f"{name:14} loss of the last ten updates:", *(f"{loss:.3f}" for loss in last))
    losses[name] = np.array(losses[name])
assert np.median(losses["RNN unit"][:, -10:]) > 0.5
assert np.median(losses["simplified GRU"][:, -10:]) < 0.1

# %%
figure, axes = plt.subplots()
for (name, runs), colour in zip(losses.items(), ("C0", "C1"), strict=True):
    lines = axes.plot(np.arange(1, UPDATES + 1), runs.T, color=colour)
    lines[0].set_label(name)
axes.axhline(np.log(2), color="0.5", linestyle=":", label="guessing")
axes.set_title(f"A verb {BETWEEN} words after its noun: the gated cell learns it")
axes.set(xlabel="update", ylabel="loss of the verb (nats)")
axes.legend(title=f"{SEEDS} seeds each")

# %% [markdown]
# ## Clipping
#
# The remedy for exploding gradients is to scale down a gradient whose norm is above a threshold.
# All weights together are one vector $g$; its direction stays.
#
# $$
# g \leftarrow g \, \frac{\text{threshold}}{\lVert g \rVert}
#     \quad \text{if } \lVert g \rVert > \text{threshold},
# \qquad \lVert g \rVert_1 = \sum_i |g_i|, \quad \lVert g \rVert_2 = \sqrt{\sum_i g_i^2}
# $$


# %%
def clip(g, threshold, order):
    norm = np.linalg.norm(g, order)
    return g * threshold / norm if norm > threshold else g


g = random.normal(size=10).astype("float32")
for order in (1, 2):
    for threshold in (0.5, 100.0):
        of_zoo = clip_by_global_norm([g[:6], g[6:]], threshold, order)  # those of two weights
        np.testing.assert_allclose(np.concatenate(of_zoo), clip(g, threshold, order), atol=1e-5)

# %% [markdown]
# The smallest recurrence has two weights: $h_t = w h_{t-1} + b$, with a loss at step 50 only,
# $(h_{50} - 1)^2$. We begin at $w = 1.1$, so each factor is above 1, and descend with and without
# clipping at 0.5.


# %%
def loss_and_gradient(w, b):
    h = [0.0]
    for _ in range(50):
        h.append(w * h[-1] + b)
    d_h, gradient = 2 * (h[-1] - 1), np.zeros(2)
    for t in range(50, 0, -1):
        gradient += d_h * np.array([h[t - 1], 1])  # of w and b
        d_h *= w
    return (h[-1] - 1) ** 2, gradient


def descend(order=None, updates=150, rate=0.01):
    weights, losses = np.array([1.1, 0.1]), []
    with np.errstate(all="ignore"):  # numbers beyond the largest become inf, then NaN
        for _ in range(updates):
            loss, gradient = loss_and_gradient(*weights)
            losses.append(loss)
            weights = weights - rate * (clip(gradient, 0.5, order) if order else gradient)
    return np.array(losses)


descents = {"no clipping": descend(), "clipped by L1": descend(1), "clipped by L2": descend(2)}
for name, loss in descents.items():
    print(f"{name:14} loss {loss[0]:.3g}, after two updates {loss[2]:.3g}, last {loss[-1]:.3g}")
assert np.isnan(descents["no clipping"][-1])
assert descents["clipped by L1"][-1] < 1
assert descents["clipped by L2"][-1] < 1

# %%
figure, axes = plt.subplots()
for name, line in {"clipped by L1": "-", "clipped by L2": "--"}.items():
    axes.semilogy(descents[name], line, label=name)
loss = descents["no clipping"]
broken = np.flatnonzero(np.isnan(loss))[0]
axes.plot(0, loss[0], "xC2", markersize=12, markeredgewidth=3, label="no clipping")
axes.text(3, loss[0], f"no clipping: NaN from update {broken} on", va="center")
axes.set_title("Without clipping the first update destroys the weights")
axes.set(xlabel="update", ylabel="loss")
axes.legend()

# %% [markdown]
# In the tasks of the zoo `--clip-norm` is the threshold, and `--clip-order` chooses the norm, 2
# unless it is told.
# [Memory](../memory.md) has these experiments as commands, for all cells and other problems.
#
# Next: [Language models](language_model.py).
