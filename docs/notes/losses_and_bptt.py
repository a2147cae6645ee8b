# %% [markdown]
# # Losses and backpropagation through time
#
# A loss compares what a network gives at each step with what it should give. Its gradient runs back
# through all steps. This chapter writes both out in NumPy, next to what the zoo computes.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from matplotlib.colors import LogNorm
from scipy.special import expit as sigmoid
from scipy.special import softmax

from zoo.cells import RNNCell
from zoo.layers import Recurrence
from zoo.training import BinarySequenceCrossentropy, SequenceCrossentropy

keras.utils.set_random_seed(0)
random = np.random.default_rng(0)

# %% [markdown]
# ## Losses of a step, a sequence and a batch
#
# $$
# \begin{split}
# \mathcal{L}^{\langle t\rangle} &= -y^{\langle t\rangle} \log \hat{y}^{\langle t\rangle}
#     - (1 - y^{\langle t\rangle}) \log (1 - \hat{y}^{\langle t\rangle})
#     && \text{binary, after a sigmoid} \\
# \mathcal{L}^{\langle t\rangle} &= -\sum_i y_i^{\langle t\rangle} \log \hat{y}_i^{\langle t\rangle}
#     && \text{one class of several, after a softmax} \\
# \mathcal{L}(\hat{y}, y) &= \sum_{t=1}^{T_y} \mathcal{L}^{\langle t\rangle}
#     && \text{of a sequence} \\
# \mathcal{L} &= \frac{1}{m} \sum_{j=1}^{m} \sum_{t=1}^{T_y^{(j)}}
#     \mathcal{L}^{\langle t\rangle (j)}
#     && \text{of } m \text{ examples}
# \end{split}
# $$
#
# Three sequences of 2, 4 and 3 steps lie in one batch, padded to 4. The padding counts in no loss:
# `sample_weight` is 0 there.

# %%
lengths = np.array([2, 4, 3])
counts = np.arange(4) < lengths[:, None]  # (examples, timesteps), which steps are no padding
logits = random.normal(size=(3, 4, 5)).astype("float32")  # before the softmax
classes = random.integers(5, size=(3, 4))

y_hat = softmax(logits, axis=-1)
y = np.eye(5)[classes]  # one-hot
of_steps = -np.sum(y * np.log(y_hat), axis=-1)  # (examples, timesteps)
loss = np.sum(of_steps * counts) / 3
of_zoo = SequenceCrossentropy()(classes, logits, sample_weight=counts)
np.testing.assert_allclose(loss, of_zoo, atol=1e-5)

# %%
logits = random.normal(size=(3, 4, 1)).astype("float32")  # before the sigmoid
y = random.integers(2, size=(3, 4))
y_hat = sigmoid(logits[..., 0])
of_steps = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
loss = np.sum(of_steps * counts) / 3
of_zoo = BinarySequenceCrossentropy()(y, logits, sample_weight=counts)
np.testing.assert_allclose(loss, of_zoo, atol=1e-5)

# %% [markdown]
# ## A network and its loss
#
# The RNN unit in its other notation, with a softmax at every step:
#
# $$
# h_t = \tanh(W h_{t-1} + U x_t + b_h) \qquad o_t = V h_t + b_y \qquad \hat{y}_t =
#     \text{softmax}(o_t)
# $$

# %%
T, INPUT, UNITS, CLASSES = 8, 3, 4, 5
x = random.normal(size=(T, INPUT))
y = np.eye(CLASSES)[random.integers(CLASSES, size=T)]
weights = {
    "W": random.normal(size=(UNITS, UNITS)) / 3,
    "U": random.normal(size=(UNITS, INPUT)),
    "b_h": random.normal(size=UNITS),
    "V": random.normal(size=(CLASSES, UNITS)),
    "b_y": random.normal(size=CLASSES),
}


def forward(W, U, b_h, V, b_y):
    """h_0, ..., h_T, the outputs of steps 1 to T, and the loss of the sequence."""
    h = [np.zeros(UNITS)]
    for x_t in x:
        h.append(np.tanh(W @ h[-1] + U @ x_t + b_h))
    h = np.array(h)
    y_hat = softmax(h[1:] @ V.T + b_y, axis=1)
    return h, y_hat, -np.sum(y * np.log(y_hat))


h, y_hat, loss = forward(**weights)
print(f"loss {loss:.3f}")

# %% [markdown]
# ## Backwards, by hand
#
# The gradient of the loss with respect to $V$ stays within a step. For softmax and cross-entropy
# together it begins with $\partial \mathcal{L} / \partial o_t = \hat{y}_t - y_t$:
#
# $$
# \frac{\partial \mathcal{L}}{\partial V} =
#     \sum_t \frac{\partial \mathcal{L}}{\partial \hat{y}_t}
#     \frac{\partial \hat{y}_t}{\partial o_t} \frac{\partial o_t}{\partial V}
#     = \sum_t (\hat{y}_t - y_t) h_t^\top
# $$
#
# That of a state comes from two sides, from the output of its step and from the next state. So the
# loop runs backwards in time. With $z_t = W h_{t-1} + U x_t + b_h$, what is inside the tanh,
#
# $$
# \begin{split}
# \frac{\partial \mathcal{L}}{\partial h_t} &= V^\top (\hat{y}_t - y_t)
#     + W^\top \frac{\partial \mathcal{L}}{\partial z_{t+1}} \\
# \frac{\partial \mathcal{L}}{\partial z_t} &= (1 - h_t^2) *
#     \frac{\partial \mathcal{L}}{\partial h_t}
# \end{split}
# $$
#
# The same $W$ acts at every step, so its gradient is a sum over the steps; $U$ and $b_h$ alike:
#
# $$
# \frac{\partial \mathcal{L}}{\partial W} =
#     \sum_t \frac{\partial \mathcal{L}}{\partial z_t} h_{t-1}^\top
# $$


# %%
def backward(h, d_o, W, V):
    """The gradients of the weights from those of the outputs, d_o (timesteps, classes)."""
    d_z = np.zeros((T + 2, UNITS))  # of steps 0 to T + 1, 0 outside the sequence
    for t in range(T, 0, -1):
        d_h = V.T @ d_o[t - 1] + W.T @ d_z[t + 1]
        d_z[t] = (1 - h[t] ** 2) * d_h
    d_z = d_z[1:-1]
    return {
        "W": d_z.T @ h[:-1],
        "U": d_z.T @ x,
        "b_h": d_z.sum(axis=0),
        "V": d_o.T @ h[1:],
        "b_y": d_o.sum(axis=0),
    }


gradients = backward(h, y_hat - y, weights["W"], weights["V"])

# %% [markdown]
# A finite difference agrees: we change one weight a little and see how the loss changes.

# %%
for name, gradient in gradients.items():
    change, place = 1e-6, (0,) * gradient.ndim
    losses = []
    for sign in (1, -1):
        other = {n: w.copy() for n, w in weights.items()}
        other[name][place] += sign * change
        losses.append(forward(**other)[2])
    by_difference = (losses[0] - losses[1]) / (2 * change)
    print(f"{name:3} by hand {gradient[place]:8.5f}   by a difference {by_difference:8.5f}")
    np.testing.assert_allclose(gradient[place], by_difference, atol=1e-5)

# %% [markdown]
# And so does the zoo, with the same weights in its own layers. (`Recurrence` runs backpropagation
# through time written out, as above, for every cell.)

# %%
layer, head = Recurrence(RNNCell(UNITS), return_sequences=True), keras.layers.Dense(CLASSES)
layer.build((1, T, INPUT))
head.build((1, T, UNITS))
layer.set_weights([weights["U"].T, weights["W"].T, weights["b_h"]])
head.set_weights([weights["V"].T, weights["b_y"]])
with tf.GradientTape() as tape:
    logits = head(layer(x[None].astype("float32")))
    of_zoo = SequenceCrossentropy()(y.argmax(axis=1)[None], logits)
np.testing.assert_allclose(of_zoo, loss, atol=1e-5)

variables = [v.value for v in (*layer.trainable_variables, *head.trainable_variables)]
for name, gradient in zip(
    ("U", "W", "b_h", "V", "b_y"), tape.gradient(of_zoo, variables), strict=True
):
    np.testing.assert_allclose(np.transpose(gradient), gradients[name], atol=1e-5)

# %% [markdown]
# ## Through a product of Jacobians
#
# The loss of one step $t$ alone reaches the state of an earlier step $k$ through all states between
# them:
#
# $$
# \frac{\partial \mathcal{L}_t}{\partial W} = \sum_{k=1}^{t}
#     \frac{\partial \mathcal{L}_t}{\partial \hat{y}_t} \frac{\partial \hat{y}_t}{\partial h_t}
#     \left( \prod_{j=k+1}^{t} \frac{\partial h_j}{\partial h_{j-1}} \right)
#     \frac{\partial^+ h_k}{\partial W},
# \qquad \frac{\partial h_j}{\partial h_{j-1}} = \text{diag}(1 - h_j^2) \, W
# $$
#
# $\partial^+ h_k / \partial W$ takes $h_{k-1}$ for a constant. Summed over all $t$, that is the
# gradient from above.

# %%
W, V = weights["W"], weights["V"]
total = np.zeros_like(W)
reach = np.full((T, T), np.nan)  # size of the gradient of the loss of step t at state k
for t in range(1, T + 1):
    d_h = V.T @ (y_hat[t - 1] - y[t - 1])
    for k in range(t, 0, -1):
        reach[t - 1, k - 1] = np.linalg.norm(d_h)
        total += np.outer((1 - h[k] ** 2) * d_h, h[k - 1])
        jacobian = (1 - h[k] ** 2)[:, None] * W  # of h_k with respect to h_{k-1}
        d_h = jacobian.T @ d_h
np.testing.assert_allclose(total, gradients["W"], atol=1e-10)

# %%
figure, axes = plt.subplots(figsize=(6, 4))
shown = axes.imshow(reach, norm=LogNorm(), origin="lower", aspect="auto")
axes.set_xticks(range(T), range(1, T + 1))
axes.set_yticks(range(T), range(1, T + 1))
axes.set_title("How strongly the loss of a step pulls at earlier states")
axes.set(xlabel="state (step k)", ylabel="loss (step t)")
axes.grid(False)
figure.colorbar(shown, label="norm of the gradient, log scale")

# %% [markdown]
# In each row the gradient shrinks to the left: a late loss hardly moves an early state. What
# decides how fast is the subject of the next chapter.

# %%
share = reach[-1, 0] / reach[-1, -1]
print(f"of the gradient of the last loss, {share:.4%} reach the first state")
assert share < 0.01

# %% [markdown]
# Next: [Vanishing and exploding gradients](vanishing_and_exploding.py).
