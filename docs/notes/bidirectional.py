# %% [markdown]
# # Both directions
#
# - He said, Teddy bears are on sale!
# - He said, Teddy Roosevelt was a great President.
#
# Is "Teddy" a person? The words before it are the same; the answer stands behind it. A network that
# has read only as far as "Teddy" cannot know. A bidirectional network can.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from scipy.special import softmax

import zoo
from zoo.cells import RNNCell
from zoo.layers import Bidirectional, Recurrence
from zoo.layers.crf import marginals

keras.utils.set_random_seed(0)
random = np.random.default_rng(0)

# %% [markdown]
# ## The equations
#
# One recurrence reads the sequence from the first step on, another, with weights of its own, from
# the last step on. The output of a step sees both:
#
# $$
# \begin{split}
# \overrightarrow{a}^{\langle t\rangle} &=
#     f(\overrightarrow{W} [\overrightarrow{a}^{\langle t-1\rangle}, x^{\langle t\rangle}]
#     + \overrightarrow{b}) \\
# \overleftarrow{a}^{\langle t\rangle} &=
#     f(\overleftarrow{W} [\overleftarrow{a}^{\langle t+1\rangle}, x^{\langle t\rangle}]
#     + \overleftarrow{b}) \\
# \hat{y}^{\langle t\rangle} &=
#     g(W_y [\overrightarrow{a}^{\langle t\rangle}, \overleftarrow{a}^{\langle t\rangle}] + b_y)
# \end{split}
# $$

# %%
T, UNITS = 6, 4
x = random.normal(size=(T, 3)).astype("float32")  # (timesteps, input)
layer = Bidirectional(Recurrence(RNNCell(UNITS), return_sequences=True))
head = keras.layers.Dense(2, "softmax")
y_of_zoo = head(layer(x[None]))[0]


def read(x, cell):
    """The states of an RNN unit, in the order in which it reads: (timesteps, units)."""
    a, states = np.zeros(UNITS), []
    for x_t in x:
        a = np.tanh(a @ cell.recurrent_kernel + x_t @ cell.kernel + cell.bias)
        states.append(a)
    return np.array(states)


def both(x):
    forwards, backwards = (direction.cell for direction in layer.directions())
    return read(x, forwards), read(x[::-1], backwards)[::-1]


W_y, b_y = head.get_weights()
y = softmax(np.concatenate(both(x), axis=1) @ W_y + b_y, axis=1)
np.testing.assert_allclose(y, y_of_zoo, atol=1e-5)

# %% [markdown]
# ## The whole sequence first
#
# We change one step of the input, and see which states change. $\overrightarrow{a}^{\langle
# t\rangle}$ depends on the steps up to $t$, $\overleftarrow{a}^{\langle t\rangle}$ on those from
# $t$ on. The two never feed each other, so the graph has no cycle. But each output depends on every
# step of the input: there is none before the sequence has ended.

# %%
depends = np.zeros((2, T, T), bool)  # direction, step of the state, step of the input
for step in range(T):
    other = x.copy()
    other[step] += 1
    for direction, (a, a_other) in enumerate(zip(both(x), both(other), strict=True)):
        depends[direction, :, step] = np.any(a != a_other, axis=1)

np.testing.assert_array_equal(depends[0], np.tril(np.ones((T, T))))
np.testing.assert_array_equal(depends[1], np.triu(np.ones((T, T))))
assert (depends[0] | depends[1]).all()

# %% [markdown]
# ## The two Teddies
#
# The tagger of the zoo is a bidirectional LSTM with a CRF on top, trained on news. We read both
# sentences with it and look at the states of its two directions.

# %%
tagger = zoo.load("ner_bilstm_conll2003")
sentences = [
    ["He", "said", ",", "Teddy", "bears", "are", "on", "sale", "!"],
    ["He", "said", ",", "Teddy", "Roosevelt", "was", "a", "great", "President"],
]
inputs = {
    name: ids.to_tensor() for name, ids in tagger.inputs(tf.ragged.constant(sentences)).items()
}
stack = tagger.model.get_layer("recurrence")
network = keras.Model(tagger.model.inputs, [stack.output, tagger.model.output])
states, potentials = (np.asarray(output) for output in network(inputs))
forwards, backwards = np.split(states, 2, axis=-1)  # (sentences, timesteps, units) each
distances = {
    "forward: has read up to here": np.linalg.norm(forwards[0] - forwards[1], axis=-1),
    "backward: has read from here on": np.linalg.norm(backwards[0] - backwards[1], axis=-1),
}

teddy = sentences[0].index("Teddy")
for name, distance in distances.items():
    print(f"{name:32} at Teddy the two sentences differ by {distance[teddy]:.2f}")
assert distances["forward: has read up to here"][: teddy + 1].max() < 1e-5
assert distances["backward: has read from here on"][: teddy + 1].min() > 0.1

# %% [markdown]
# Up to "Teddy" the forward states are the same: whatever a network of one direction says there, it
# says in both sentences. The backward states differ.

# %%
figure, axes = plt.subplots(figsize=(8, 3.5))
for (name, distance), marker in zip(distances.items(), "os", strict=True):
    axes.plot(distance, marker=marker, label=name)
axes.axvline(teddy, color="0.5", linestyle=":", zorder=0)
pairs = ["\n".join(dict.fromkeys(pair)) for pair in zip(*sentences, strict=True)]
axes.set_xticks(range(len(pairs)), pairs)
axes.set_title("At Teddy only the backward direction knows which sentence it reads")
axes.set(xlabel="token (step t)", ylabel="distance between the states\nof the two sentences")
axes.legend()

# %% [markdown]
# So the tagger can tell the two apart. The probability that a token begins or goes on with the name
# of a person is its marginal probability under the CRF:

# %%
probabilities = np.asarray(marginals(potentials))  # (sentences, timesteps, tags)
of_person = [tagger.tag_names.index(tag) for tag in ("B-PER", "I-PER")]
person = probabilities[..., of_person].sum(axis=-1)
for sentence, row in zip(sentences, person, strict=True):
    print("  ".join(f"{token} {share:.0%}" for token, share in zip(sentence, row, strict=True)))
assert person[0, teddy] < 0.5 < 0.9 < person[1, teddy]

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3), sharey=True)
for panel, sentence, row in zip(axes, sentences, person, strict=True):
    panel.bar(
        range(len(sentence)), 100 * row, color=["C1" if t == teddy else "C0" for t in range(9)]
    )
    panel.set_xticks(range(len(sentence)), sentence, rotation=45, ha="right")
    panel.set_xlabel("token (step t)")
axes[0].set_ylabel("probability of a person (%)")
figure.suptitle("The same Teddy, with what follows it")

# %% [markdown]
# Next: [Deep networks](deep.py).
