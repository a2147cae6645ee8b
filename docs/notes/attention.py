# %% [markdown]
# # Attention
#
# An encoder without attention hands one vector to the decoder. The vector has to hold a whole
# sentence, however long it is. With attention the decoder looks back: at each step it asks which
# steps of the source matter now, and reads a weighted mean of them.
#
# This chapter computes the weights equation by equation in NumPy, compares them with the layer of
# the zoo, and draws where two translators that ship with the zoo look.

# %%

import keras
import matplotlib.pyplot as plt
import numpy as np

import zoo
from zoo.layers import Attention
from zoo.networks import decode_step_model, encode_model

# %% [markdown]
# ## Three equations
#
# The encoder leaves a memory $m^{\langle s\rangle}$ for each step $s$ of the source: the outputs of
# both directions, beside each other. The state of the decoder at step $t$ is the query
# $q^{\langle t\rangle}$. First, a small network says how well the two go together, the *energy*:
#
# $$e^{\langle t, s\rangle} = v^\top \tanh(W_q \, q^{\langle t\rangle} +
# W_m \, m^{\langle s\rangle})$$
#
# Second, a softmax over the source makes weights of the energies. They are positive, and the
# weights of one $t$ sum to 1:
#
# $$\alpha^{\langle t, s\rangle} =
# \frac{\exp e^{\langle t, s\rangle}}{\sum_{s'} \exp e^{\langle t, s'\rangle}}$$
#
# Third, the *context* is the mean of the memory by these weights. The decoder reads it:
#
# $$c^{\langle t\rangle} = \sum_s \alpha^{\langle t, s\rangle} \, m^{\langle s\rangle}$$

# %%
random = np.random.default_rng(1)
T_X, T_Y, MEMORY, QUERY, UNITS = 5, 3, 6, 4, 8
memory = random.normal(size=(T_X, MEMORY))
queries = random.normal(size=(T_Y, QUERY))
W_m, W_q = random.normal(size=(MEMORY, UNITS)), random.normal(size=(QUERY, UNITS))
v = random.normal(size=UNITS)


def softmax(energies):
    """Returns weights over the last axis that sum to 1."""
    exponentials = np.exp(energies - energies.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


energies = np.zeros((T_Y, T_X))
for t in range(T_Y):
    for s in range(T_X):
        energies[t, s] = v @ np.tanh(queries[t] @ W_q + memory[s] @ W_m)
weights = softmax(energies)  # (T_y, T_x)
contexts = weights @ memory  # (T_y, memory)
print(np.round(weights, 2))
np.testing.assert_allclose(weights.sum(axis=1), 1)

# %% [markdown]
# Many texts stack the two vectors, $W [q^{\langle t\rangle}, m^{\langle s\rangle}]$. That is the
# same product, with $W_q$ and $W_m$ beside each other:

# %%
stacked = np.concatenate([queries[0], memory[0]])
kernel = np.concatenate([W_q, W_m])
np.testing.assert_allclose(v @ np.tanh(stacked @ kernel), energies[0, 0])

# %% [markdown]
# ## The layer of the zoo
#
# The layer takes a batch, and all queries at once. It computes the *keys*
# $W_m \, m^{\langle s\rangle}$ beforehand, since they are the same for all queries. With our
# weights it gives our numbers.

# %%
batch = {"queries": queries, "memory": memory}
batch = {name: keras.ops.convert_to_tensor(x[None], "float32") for name, x in batch.items()}


def attend(layer, mask=None):
    """Returns the context and the weights that a layer gives for the only row of our batch."""
    keys = layer.keys(batch["memory"])
    context, weights = layer(batch["queries"], keys, batch["memory"], mask=mask)
    return np.asarray(context)[0], np.asarray(weights)[0]


additive = Attention("additive", UNITS)
attend(additive)  # makes its weights, which we replace
additive.query_layer.kernel.assign(W_q)
additive.memory_layer.kernel.assign(W_m)
additive.energy.assign(v[:, None])
np.testing.assert_allclose(attend(additive)[0], contexts, atol=1e-5)
np.testing.assert_allclose(attend(additive)[1], weights, atol=1e-5)

# %% [markdown]
# Luong's energy is one product, and cheaper: with $T_y$ queries and $T_x$ steps it needs no array
# of $T_y \times T_x \times$ units.
#
# $$e^{\langle t, s\rangle} = q^{\langle t\rangle} \cdot W_m \, m^{\langle s\rangle}$$

# %%
W = random.normal(size=(MEMORY, QUERY))
multiplicative = Attention("multiplicative", QUERY)
attend(multiplicative)
multiplicative.memory_layer.kernel.assign(W)
np.testing.assert_allclose(attend(multiplicative)[1], softmax(queries @ (memory @ W).T), atol=1e-5)

# %% [markdown]
# Sentences of a batch differ in length, and the shorter ones are padded. A mask sets the weight of
# a padded step to 0, and the others sum to 1 as if it were not there.

# %%
mask = keras.ops.convert_to_tensor([[True, True, True, False, False]])
masked = attend(additive, mask)[1]
np.testing.assert_allclose(masked[:, :3], softmax(energies[:, :3]), atol=1e-5)
np.testing.assert_allclose(masked[:, 3:], 0)

# %% [markdown]
# ## Inside a translator
#
# The translator of dates that ships with the zoo reads letters and writes ISO 8601. It has learnt
# its $W_q$, $W_m$ and $v$ from pairs alone: nobody told it where to look. We follow its first
# step. The encoder gives the memory; the decoder reads `<EOS>` and makes its state, which is the
# query; our three equations then give the weights that the network uses itself.

# %%
dates = zoo.load("translation_bigru_dates")
text = "Thursday, September 3, 1987"
(found,) = dates.predict([text])
((source, target, looks),) = dates.alignments([text], [found["translation"]])
print(text, "->", found["translation"])
assert found["translation"] == "1987-09-03"

source_ids = dates.source_tokenizer.vocabulary.ids(source)
end = dates.target_tokenizer.vocabulary.ids(["<EOS>"])
state = dict(encode_model(dates.model)(keras.ops.convert_to_tensor([source_ids])))
step = decode_step_model(dates.model)({"token_ids": keras.ops.convert_to_tensor(end)} | state)

attention = dates.model.get_layer("decoder").attention
query, memory = np.asarray(step["state_0"])[0], np.asarray(state["memory"])[0]
W_q, W_m = (np.asarray(x.kernel) for x in (attention.query_layer, attention.memory_layer))
energy = np.tanh(query @ W_q + memory @ W_m) @ np.asarray(attention.energy)[:, 0]
np.testing.assert_allclose(softmax(energy), looks[0], atol=1e-5)
print("a memory of shape", memory.shape, "and the step looked at first:", source[energy.argmax()])

# %% [markdown]
# The picture has a row for each letter that the decoder writes. The year stands at the end of the
# source and at the beginning of the target: the decoder jumps there first, then to the month, of
# which few letters tell it all, then to the day.


# %%
def heat_map(axes, source, target, weights, title):
    """Draws weights, (target tokens, source tokens)."""
    image = axes.imshow(weights, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(source)), [token.replace(" ", "␣") for token in source])
    axes.set_yticks(range(len(target)), target)
    axes.set(title=title, xlabel="source token", ylabel="target token")
    axes.grid(False)
    axes.figure.colorbar(image, ax=axes, label="weight")


figure, axes = plt.subplots(figsize=(9, 4))
heat_map(axes, source, target, looks, "Where the translator of dates looks")
axes.get_xticklabels()[-1].set_rotation(90)
year = slice(source.index("1"), len(source))
print("share of the weights on the year, by row:", np.round(looks[:, year].sum(axis=1), 2))
assert looks[:4, year].sum(axis=1).min() > 0.8

# %% [markdown]
# The second translator reads English and writes French, in pieces of words. Most rows have one
# bright cell. Where French has another order of words, the bright cells leave the diagonal.

# %%
bible = zoo.load("translation_bigru_bible_en_fr")
text = "He took them into the holy town."
(found,) = bible.predict([text])
print(text, "->", found["translation"])
((source, target, looks),) = bible.alignments([text], [found["translation"]])
np.testing.assert_allclose(looks.sum(axis=1), 1, atol=1e-5)
places = {word: source[row.argmax()] for word, row in zip(target, looks, strict=True)}
print("most weight on:", places)
assert places["▁ville"] == "▁town"
assert places["▁sainte"] == "▁holy"

figure, axes = plt.subplots(figsize=(8, 4))
heat_map(axes, source, target, looks, "Where the translator of the Bible looks")
axes.tick_params(axis="x", rotation=45)

# %% [markdown]
# Such a picture explains little by itself. A weight says where the decoder read, not why it wrote
# what it wrote: the memory at one step knows its neighbours too, since the encoder read them. So
# the weights may lie beside the word that a person would point at.
#
# Next: [Beam search](beam_search.py).
