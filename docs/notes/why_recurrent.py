# %% [markdown]
# # Why recurrent networks
#
# A standard network takes an input of one fixed size. This chapter shows on small examples the two
# things that it cannot do with sequences, and how a recurrent network does them.

# %%
from collections import Counter

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops

import zoo
from zoo.cells import RNNCell
from zoo.layers import Recurrence
from zoo.text.vocabularies import Vocabulary

keras.utils.set_random_seed(0)
random = np.random.default_rng(0)

# %% [markdown]
# ## Notation
#
# $x^{(i)\langle t\rangle}$ is step $t$ of training example $i$, and $T_x^{(i)}$ the number of its
# steps. $y^{(i)\langle t\rangle}$ and $T_y^{(i)}$ are the same for the output. Both numbers differ
# from example to example, and from each other. A model of the zoo translates three verses; a step
# is a word:

# %%
translator = zoo.load("translation_bigru_bible_en_fr")
english = ["He went away.", "Fear not.", "And God said to Moses, Go to Pharaoh."]
french = [prediction["translation"] for prediction in translator.predict(english)]
for i, (source, target) in enumerate(zip(english, french, strict=True), start=1):
    T_x, T_y = (len(text.split()) for text in (source, target))
    print(f"i = {i}   T_x = {T_x}   T_y = {T_y}   {source} -> {target}")

# %% [markdown]
# A word is a one-hot vector over a vocabulary: the most common words of the training set, say
# 10,000, and beside them `<UNK>` for every other word and `<EOS>` for the end of a sentence. In the
# zoo the first id, 0, is that of padding.

# %%
words = " ".join(english).lower().replace(".", "").replace(",", "").split()
vocabulary = Vocabulary.from_counts(Counter(words), size=10_000)
ids = vocabulary.ids(["he", "went", "to", "rome"])  # "rome" is in none of the verses
x = np.eye(len(vocabulary), dtype="float32")[ids]  # (timesteps, vocabulary)
assert x.shape == (4, len(vocabulary))
assert (x.sum(axis=1) == 1).all()
print(vocabulary.words(range(len(vocabulary))))
print(vocabulary.words(ids))

# %% [markdown]
# ## One step, the same weights at every step
#
# The RNN unit reads the input of step $t$ and what it made at the step before, $a^{\langle
# t-1\rangle}$. At the beginning $a^{\langle 0\rangle} = 0$.
#
# $$
# \begin{split}
# a^{\langle t\rangle} &= f(W_{aa} a^{\langle t-1\rangle} + W_{ax} x^{\langle t\rangle} + b_a) \\
# &= f(W_a [a^{\langle t-1\rangle}, x^{\langle t\rangle}] + b_a), \qquad W_a = [W_{aa} | W_{ax}] \\
# \hat{y}^{\langle t\rangle} &= g(W_{ya} a^{\langle t\rangle} + b_y)
# \end{split}
# $$
#
# $[p, q]$ stacks two vectors. With 100 units and 10,000 words $W_a$ has 100 rows and 10,100
# columns.

# %%
cell = RNNCell(100)
cell.build((None, 10_000))
W_aa, W_ax = np.transpose(cell.recurrent_kernel), np.transpose(cell.kernel)
b_a = np.asarray(cell.bias)
W_a = np.concatenate([W_aa, W_ax], axis=1)
assert W_a.shape == (100, 10_100)

a, x = random.normal(size=100), np.eye(10_000)[4321]
by_blocks = np.tanh(W_aa @ a + W_ax @ x + b_a)
stacked = np.tanh(W_a @ np.concatenate([a, x]) + b_a)
by_zoo, _ = cell(x[None].astype("float32"), [a[None].astype("float32")])
np.testing.assert_allclose(by_blocks, stacked, atol=1e-5)
np.testing.assert_allclose(by_blocks, by_zoo[0], atol=1e-5)

# %% [markdown]
# The number of weights does not depend on the number of steps. A standard network of 100 units that
# reads 20 words side by side needs 20 times the columns, and takes no sentence of 21 words.

# %%
print(f"recurrent, any number of words: {cell.count_params():>10,} weights")
print(f"standard, exactly 20 words:     {100 * 20 * 10_000 + 100:>10,} weights")
layer = Recurrence(cell)
for timesteps in (1, 20, 21):
    assert layer(np.zeros((1, timesteps, 10_000), "float32")).shape == (1, 100)

# %% [markdown]
# ## What is learnt at one place holds at the others
#
# Which words of a sentence are the family name? It is "Roosevelt", but only right after "Teddy": a
# Roosevelt may be a street. In the training set the name stands among the first four of eight
# words, in the test set anywhere. The standard network has other weights for each place, the
# recurrent one has the same.

# %%
WORDS = ["Teddy", "Roosevelt", "he", "said", "bears", "on"]
TEDDY, ROOSEVELT, LENGTH, SEEN = 0, 1, 8, 4


def sentences(number, ends):
    """Sentences of random words, one-hot, and which words are the name; every second has one."""
    ids = random.integers(2, len(WORDS), size=(number, LENGTH))
    rows, end = np.arange(number), random.choice(ends, number)
    ids[rows, end - 1] = TEDDY
    ids[rows[::2], end[::2]] = ROOSEVELT
    names = np.zeros((number, LENGTH), "float32")
    names[rows[::2], end[::2]] = 1
    return np.eye(len(WORDS), dtype="float32")[ids], names


inputs = keras.Input((LENGTH, len(WORDS)))
hidden = keras.layers.Dense(32, "tanh")(keras.layers.Flatten()(inputs))
standard = keras.Model(inputs, keras.layers.Dense(LENGTH, "sigmoid")(hidden))
hidden = Recurrence(RNNCell(8), return_sequences=True)(inputs)
recurrent = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden)[..., 0])

training_set = sentences(600, ends=np.arange(1, SEEN))
found = {}
for name, model in {"standard": standard, "recurrent": recurrent}.items():
    model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy")
    model.fit(*training_set, epochs=12, verbose=0)
    found[name] = np.array([])
    for end in range(1, LENGTH):
        x, _ = sentences(200, ends=[end])
        is_name = model.predict_on_batch(x)[::2, end] > 0.5
        found[name] = np.append(found[name], 100 * np.mean(is_name))
    print(f"{name:9}  at places of training {found[name][: SEEN - 1].mean():3.0f} %", end="")
    print(f"  at other places {found[name][SEEN - 1 :].mean():3.0f} %")

assert found["recurrent"].min() > 90
assert found["standard"][: SEEN - 1].min() > 90
assert found["standard"][SEEN - 1 :].max() < 50

# %%
figure, axes = plt.subplots()
places = np.arange(2, LENGTH + 1)
for (name, share), marker in zip(found.items(), "so", strict=True):
    axes.plot(places, share, marker=marker, label=name)
axes.axvspan(1.5, SEEN + 0.5, color="0.92", zorder=0)
axes.text(1.7, 45, "places where the name\nstands in training")
axes.set(
    title="A recurrent network finds a name where it never stood in training",
    xlabel="place of the name (step t)",
    ylabel="names found (%)",
    xticks=places,
    ylim=(-3, 103),
)
axes.legend(loc="center right", title="network")

# %% [markdown]
# ## One-to-one is the case $T = 1$
#
# With one step the recurrence never acts: $a^{\langle 0\rangle} = 0$, so that $W_{aa} a^{\langle
# 0\rangle} = 0$ whatever $W_{aa}$ is. What is left, $a^{\langle 1\rangle} = f(W_{ax} x^{\langle
# 1\rangle} + b_a)$, is one layer of a standard network.

# %%
cell = RNNCell(4)
layer = Recurrence(cell)
x = random.normal(size=(5, 1, 3)).astype("float32")  # (batch, timesteps = 1, input)
before = np.asarray(layer(x))
cell.recurrent_kernel.assign(ops.multiply(cell.recurrent_kernel, 100))
np.testing.assert_array_equal(layer(x), before)

dense = keras.layers.Dense(4, "tanh")
dense.build((None, 3))
dense.set_weights([cell.kernel, cell.bias])
np.testing.assert_allclose(dense(x[:, 0]), before, atol=1e-5)

# %% [markdown]
# Next: [Cells, equation by equation](cells.py).
