# %% [markdown]
# # Conditional random fields
#
# A tagger gives each word a tag: *Ann* is the beginning of a person, `B-PER`. If it chooses each
# tag by itself, it may write what has no meaning, such as the inside of a person, `I-PER`, right
# after the beginning of a place, `B-LOC`. A conditional random field (CRF) scores whole sequences
# of tags, so that each choice knows its neighbours.
#
# This chapter sums over all sequences of tags by brute force, then by the forward algorithm, and
# finds the best sequence by Viterbi's. All three agree with the zoo.

# %%
import itertools

import keras
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import logsumexp

import zoo
from zoo.layers import LinearChainCRF
from zoo.layers.crf import log_partition_steps, marginals, viterbi
from zoo.text.tags import allowed_transitions
from zoo.training import ChainCrossentropy

# %% [markdown]
# ## Emissions and transitions
#
# The network gives a logit for each word and tag, the *emissions*. We make some up. Word by word
# they are nearly right, but *York* looks a little more like the second half of a name, and the best
# tag of each word alone makes `B-LOC I-PER`.

# %%
TAGS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
words = ["Ann", "visits", "New", "York"]
emissions = np.array(
    [
        [0.0, 1.0, -1.0, 2.0, 0.0],  # Ann
        [3.0, 0.0, 0.0, 0.0, 0.0],  # visits
        [0.5, 2.0, 0.0, 1.0, 0.0],  # New
        [0.0, 1.0, 1.8, 0.0, 2.0],  # York
    ]
)
alone = [TAGS[tag] for tag in emissions.argmax(axis=1)]
print(dict(zip(words, alone, strict=True)))
assert alone == ["B-PER", "O", "B-LOC", "I-PER"]

# %% [markdown]
# A CRF has a weight for each pair of neighbours, $A_{ij}$ for tag $j$ after tag $i$, and one for
# each tag at the start and at the end. The score of tags $y$ for words $x$ adds up
#
# $$s(x, y) = \text{start}_{y^{\langle 1\rangle}} + \sum_{t=1}^{T}
# \text{emission}^{\langle t\rangle}_{y^{\langle t\rangle}} +
# \sum_{t=2}^{T} A_{y^{\langle t-1\rangle} y^{\langle t\rangle}} +
# \text{end}_{y^{\langle T\rangle}}$$
#
# and its probability is a softmax over *sequences*, with the partition function $Z$ below it:
#
# $$p(y \mid x) = \frac{\exp s(x, y)}{Z(x)}, \qquad Z(x) = \sum_{y'} \exp s(x, y').$$
#
# Before training the weights are small, and random here.

# %%
random = np.random.default_rng(1)
start, end = random.normal(0, 0.1, size=5), random.normal(0, 0.1, size=5)
transitions = random.normal(0, 0.1, size=(5, 5))


def score(tags, emissions=emissions, transitions=transitions, start=start):
    """Returns s(x, y) of a sequence of tag ids."""
    of_words = sum(emissions[t, tag] for t, tag in enumerate(tags))
    of_pairs = sum(transitions[i, j] for i, j in itertools.pairwise(tags))
    return start[tags[0]] + of_words + of_pairs + end[tags[-1]]


paths = list(itertools.product(range(5), repeat=4))
scores = np.array([score(path) for path in paths])
log_z = logsumexp(scores)
print(f"{len(paths)} sequences, log Z = {log_z:.4f}")

# %% [markdown]
# ## The forward algorithm
#
# $K$ tags and $T$ words have $K^T$ sequences: 625 here, but $9^{30}$, a number of 29 digits, for a
# sentence of thirty words in CoNLL 2003. The forward algorithm needs $T K^2$ steps instead. Let
# $\alpha^{\langle t\rangle}_j$ be the sum over all sequences of the first $t$ tags that end in $j$.
# Each comes from one that is shorter by a tag:
#
# $$\log \alpha^{\langle 1\rangle}_j = \text{start}_j + \text{emission}^{\langle 1\rangle}_j$$
#
# $$\log \alpha^{\langle t\rangle}_j = \text{emission}^{\langle t\rangle}_j +
# \log \sum_i \exp(\log \alpha^{\langle t-1\rangle}_i + A_{ij})$$
#
# $$\log Z = \log \sum_j \exp(\log \alpha^{\langle T\rangle}_j + \text{end}_j)$$


# %%
def log_partition(emissions, transitions=transitions, start=start):
    """Returns log Z by the forward algorithm."""
    log_alpha = start + emissions[0]
    for emission in emissions[1:]:
        log_alpha = emission + logsumexp(log_alpha[:, None] + transitions, axis=0)
    return logsumexp(log_alpha + end)


np.testing.assert_allclose(log_partition(emissions), log_z)

# %% [markdown]
# The layer of the zoo makes one tensor of all this, the log-potentials $\psi^{\langle t\rangle}(i,
# j)$ of tag $j$ at step $t$ after tag $i$. The functions beside it need nothing else.


# %%
def potentials(allowed=None, emissions=emissions):
    """Returns what the zoo's layer makes of the emissions, with our weights."""
    layer = LinearChainCRF(allowed, dtype="float64")
    layer.build((None, None, 5))
    layer.set_weights([start, transitions, end])
    return layer(keras.ops.convert_to_tensor(emissions[None], "float64"))


by_step = np.asarray(log_partition_steps(potentials()))[0]  # log Z<t> - log Z<t-1>
np.testing.assert_allclose(by_step.sum(), log_z, atol=1e-5)

# %% [markdown]
# The loss of training is $-\log p(y \mid x) = \log Z(x) - s(x, y)$ of the true tags. Its gradient
# has a plain meaning: the derivative of $\log Z$ by an emission is the probability of that tag at
# that step, in all sequences together (the *marginal*).

# %%
truth = [TAGS.index(tag) for tag in ("B-PER", "O", "B-LOC", "I-LOC")]
loss = ChainCrossentropy()(np.array([truth]), potentials())
np.testing.assert_allclose(loss, log_z - score(truth), atol=1e-5)

step, slopes = 1e-5, np.zeros_like(emissions)
for t, tag in np.ndindex(*emissions.shape):
    change = np.zeros_like(emissions)
    change[t, tag] = step
    above, below = log_partition(emissions + change), log_partition(emissions - change)
    slopes[t, tag] = (above - below) / (2 * step)
np.testing.assert_allclose(np.asarray(marginals(potentials()))[0], slopes, atol=1e-5)
print(np.round(slopes, 2))

# %% [markdown]
# ## Viterbi's algorithm
#
# The best sequence comes from the same recursion with a maximum in place of the sum, and a note of
# where each maximum came from:
#
# $$\delta^{\langle t\rangle}_j = \text{emission}^{\langle t\rangle}_j +
# \max_i (\delta^{\langle t-1\rangle}_i + A_{ij})$$


# %%
def best_path(emissions, transitions=transitions, start=start):
    """Returns the tags of the highest score, and the table of δ, (timesteps, tags)."""
    table, origins = [start + emissions[0]], []
    for emission in emissions[1:]:
        candidates = table[-1][:, None] + transitions  # from i to j
        origins.append(candidates.argmax(axis=0))
        table.append(emission + candidates.max(axis=0))
    tags = [int((table[-1] + end).argmax())]
    for origin in reversed(origins):
        tags.insert(0, int(origin[tags[0]]))
    return tags, np.array(table)


tags, _ = best_path(emissions)
found, best_score = viterbi(potentials())
assert tags == list(paths[scores.argmax()]) == np.asarray(found)[0].tolist()
np.testing.assert_allclose(best_score, scores.max(), atol=1e-5)
print([TAGS[tag] for tag in tags])
assert [TAGS[tag] for tag in tags] == alone  # such small weights repair nothing yet

# %% [markdown]
# ## Why `I-PER` cannot follow `B-LOC`
#
# `B-` begins an entity, `I-` goes on with it. So `I-PER` may follow `B-PER` or `I-PER`, and nothing
# else: after `B-LOC` it would go on with a person that has not begun. The grammar of tags is known,
# and need not be learnt: `allowed_transitions` writes it down, and the layer gives whatever it
# forbids a potential so low that its probability is 0.

# %%
allowed = allowed_transitions(TAGS)
may_start, may_follow, _ = allowed
assert not may_follow[TAGS.index("B-LOC"), TAGS.index("I-PER")]
assert may_follow[TAGS.index("B-PER"), TAGS.index("I-PER")]

grammar = {
    "transitions": np.where(may_follow, transitions, -np.inf),
    "start": np.where(may_start, start, -np.inf),
}
legal = np.array([score(path, **grammar) for path in paths])
tags, table = best_path(emissions, **grammar)
found, _ = viterbi(potentials(allowed))
by_step = np.asarray(log_partition_steps(potentials(allowed)))[0]
assert tags == list(paths[legal.argmax()]) == np.asarray(found)[0].tolist() == truth
np.testing.assert_allclose(by_step.sum(), log_partition(emissions, **grammar), atol=1e-5)
print(f"{np.isfinite(legal).sum()} of {len(paths)} sequences are legal")
print(dict(zip(words, (TAGS[tag] for tag in tags), strict=True)))

# %% [markdown]
# The picture shows $\delta$: a grey cell cannot be reached. The line is the best path.

# %%
figure, axes = plt.subplots(figsize=(6, 3.5))
image = axes.imshow(np.where(np.isfinite(table), table, np.nan).T, cmap="cividis", aspect="auto")
axes.set_facecolor("lightgrey")
axes.plot(range(4), tags, color="black", linewidth=5)
axes.plot(range(4), tags, "o-", color="white", markeredgecolor="black", linewidth=2.5)
axes.set_xticks(range(4), words)
axes.set_yticks(range(5), TAGS)
axes.set(title="Viterbi: the best score up to each word", xlabel="word", ylabel="its tag")
axes.grid(False)
figure.colorbar(image, ax=axes, label="δ")

# %% [markdown]
# ## What a tagger has learnt
#
# The tagger of CoNLL 2003 ships with the zoo. Grey cells are what the grammar forbids. The others
# were learnt: a high number makes a pair of neighbours more probable than the words alone say. The
# lowest number of all keeps two persons apart: between their names stands another word.

# %%
tagger = zoo.load("ner_bilstm_conll2003")
(found,) = tagger.predict(["Theodore Roosevelt visits New York."])
print([(entity["text"], entity["type"]) for entity in found["entities"]])

layer, names = tagger.model.get_layer("crf"), tagger.tag_names
learnt = np.where(layer.allowed[1], np.asarray(layer.transitions), np.nan)
for name in names:
    prefix, _, kind = name.partition("-")
    before = {names[i] for i in np.flatnonzero(np.isfinite(learnt[:, names.index(name)]))}
    assert prefix != "I" or before == {f"B-{kind}", f"I-{kind}"}

lowest = [names[i] for i in np.unravel_index(np.nanargmin(learnt), learnt.shape)]
assert lowest == ["B-PER", "B-PER"]

figure, axes = plt.subplots(figsize=(6.5, 5))
most = np.nanmax(np.abs(learnt))
axes.set_facecolor("lightgrey")
image = axes.imshow(learnt, cmap="PuOr", vmin=-most, vmax=most)
for i, j in np.argwhere(np.isfinite(learnt)):
    dark = abs(learnt[i, j]) > 0.6 * most
    axes.text(j, i, f"{learnt[i, j]:+.1f}", ha="center", va="center", color="w" if dark else "k")
axes.set_xticks(range(len(names)), names, rotation=45)
axes.set_yticks(range(len(names)), names)
axes.set(title="Transitions of the tagger of CoNLL 2003", xlabel="tag", ylabel="tag before it")
axes.grid(False)
figure.colorbar(image, ax=axes, label="weight")

# %% [markdown]
# Next: [Connectionist temporal classification](ctc.py).
