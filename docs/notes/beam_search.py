# %% [markdown]
# # Beam search
#
# A translator should write the most probable sentence, not any sentence. It cannot try them all:
# with 10,000 words, sentences of ten words are $10^{40}$. Taking the best word at each step is
# cheap, and often wrong. Beam search stands between the two.
#
# This chapter makes a model so small that all its sentences can be listed, and compares greedy
# choice, beam search and the full list. Then it corrects the search for the length of sentences,
# and asks of an error whether the model or the search is to blame.

# %%
import itertools

import keras
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import log_softmax

from zoo.generation import beam_search, generate
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID

# %% [markdown]
# ## A model to translate with
#
# The source is French: *Jane visite l'Afrique en septembre.* The probability of a translation is
#
# $$P(y \mid x) = \prod_{t=1}^{T_y} P(y^{\langle t\rangle} \mid x, y^{\langle 1\rangle}, \ldots,
# y^{\langle t-1\rangle})$$
#
# and we want $\arg\max_y P(y \mid x)$. Our factors depend on the last word alone, so that they fit
# in a table. *is going* is common in English, hence *going* is the likelier word after *is*.

# %%
NEXT = {
    "<EOS>": {"jane": 1.0},  # what stands before the first word
    "jane": {"is": 0.9, "visits": 0.1},
    "is": {"going": 0.55, "visiting": 0.45},
    "going": {"to": 1.0},
    "to": {"be": 0.4, "visit": 0.6},
    "be": {"visiting": 0.6, "there": 0.4},
    "there": {"in": 0.5, "<EOS>": 0.5},
    "visit": {"africa": 0.7, "there": 0.3},
    "visits": {"africa": 1.0},
    "visiting": {"africa": 0.9, "there": 0.1},
    "africa": {"in": 0.45, "<EOS>": 0.55},
    "in": {"september": 1.0},
    "september": {"<EOS>": 1.0},
}
VOCABULARY = ["<PAD>", "<UNK>", "<EOS>", *[word for word in NEXT if word != "<EOS>"]]
assert [VOCABULARY.index(t) for t in ("<PAD>", "<UNK>", "<EOS>")] == [
    PADDING_ID,
    UNKNOWN_ID,
    END_ID,
]
table = np.full((len(VOCABULARY), len(VOCABULARY)), -np.inf)  # log P(column | row)
for word, following in NEXT.items():
    for other, probability in following.items():
        table[VOCABULARY.index(word), VOCABULARY.index(other)] = np.log(probability)


def log_p(sentence):
    """Returns log P of a sentence, a list of words with <EOS>."""
    ids = [VOCABULARY.index(word) for word in ("<EOS>", *sentence)]
    return sum(table[i, j] for i, j in itertools.pairwise(ids))


# %% [markdown]
# ## All sentences, and the greedy one
#
# An exhaustive search follows every word that is possible. Greedy choice follows the best alone:
# it starts with *is going*, and every way on from there is worse than the way it has left.


# %%
def continuations(words=(), log_probability=0.0, longest=10):
    """Yields every sentence up to a length, and its log P."""
    if (words and words[-1] == "<EOS>") or len(words) == longest:
        yield words, log_probability
        return
    for word, p in NEXT[words[-1] if words else "<EOS>"].items():
        yield from continuations((*words, word), log_probability + np.log(p), longest)


def greedy(longest=10):
    """Returns the sentence of the best word at each step."""
    words = ["<EOS>"]
    while len(words) <= longest and (len(words) == 1 or words[-1] != "<EOS>"):
        words.append(max(NEXT[words[-1]], key=NEXT[words[-1]].get))
    return tuple(words[1:])


every = sorted(continuations(), key=lambda found: -found[1])
np.testing.assert_allclose(sum(np.exp(log) for _, log in every), 1)
for words, log in every[:5]:
    print(f"{np.exp(log):.3f}", *words)
print("greedy:", f"{np.exp(log_p(greedy())):.3f}", *greedy())
assert log_p(greedy()) < every[0][1]

# %% [markdown]
# ## Beams
#
# Beam search keeps the $B$ best beginnings. At each step it continues each by every word, and of
# the $B \times$ vocabulary results keeps the $B$ best by
#
# $$\log P(y^{\langle 1\rangle}, \ldots, y^{\langle t\rangle} \mid x) =
# \log P(y^{\langle 1\rangle}, \ldots, y^{\langle t-1\rangle} \mid x) +
# \log P(y^{\langle t\rangle} \mid x, y^{\langle 1\rangle}, \ldots, y^{\langle t-1\rangle}).$$
#
# A beginning that ends in `<EOS>` is a complete hypothesis.


# %%
def search(beams, alpha=0.0, longest=10):
    """Returns complete hypotheses, best first, as (score, log P, words)."""
    running, complete = [(0.0, ())], []
    for _ in range(longest):
        ranked = sorted(
            (log + np.log(p), (*words, word))
            for log, words in running
            for word, p in NEXT[words[-1] if words else "<EOS>"].items()
        )[::-1]
        ending = [found for found in ranked[:beams] if found[1][-1] == "<EOS>"]
        complete += [(log / len(words) ** alpha, log, words) for log, words in ending]
        running = [found for found in ranked if found[1][-1] != "<EOS>"][:beams]
    return sorted(complete, reverse=True)[:beams]


for beams in (1, 2, 3):
    (score, _, words), *_ = search(beams)
    print(f"B = {beams}: {np.exp(score):.3f}", *words)
assert search(1)[0][2] == greedy()
assert search(3)[0][2] == every[0][0]

# %% [markdown]
# The zoo works on a function of one step, `step(token_ids, state) -> (logits, state)`, for a whole
# batch in one graph. The state of ours is the table itself.


# %%
def step(token_ids, tables):
    """Looks up the logits of what follows each token, in the table of its row."""
    rows = keras.ops.take_along_axis(tables, token_ids[:, None, None], axis=1)
    return rows[:, 0], tables


def of_zoo(tables):
    """Returns tables as a tensor, with logits that are finite: a row of -inf has no softmax."""
    return keras.ops.convert_to_tensor(np.maximum(tables, -1e4), "float32")


def search_of_zoo(tables, beams, alpha=0.0, length=10):
    """Searches in tables (batch, vocabulary, vocabulary) of log P."""
    tables = of_zoo(tables)
    first = keras.ops.full((len(tables),), END_ID, "int32")
    how = {"beams": beams, "length": length, "length_penalty": alpha, "end_id": END_ID}
    return beam_search(step, first, tables, forbidden=(PADDING_ID, UNKNOWN_ID), **how)


for beams, alpha in itertools.product((1, 2, 3, 5), (0.0, 0.7, 1.0)):
    found, ours = search_of_zoo(table[None], beams, alpha), search(beams, alpha)
    np.testing.assert_allclose(found.scores[0, 0], ours[0][0], atol=1e-5)
    best = np.asarray(found.tokens)[0, 0, : int(found.lengths[0, 0])]
    assert tuple(VOCABULARY[i] for i in best) == ours[0][2]

first = keras.ops.full((1,), END_ID, "int32")
chosen = generate(step, first, of_zoo(table[None]), steps=10, end_id=END_ID)
words = [VOCABULARY[i] for i in np.asarray(chosen.tokens)[0] if i != PADDING_ID]
assert tuple(words) == greedy()

# %% [markdown]
# ## How many beams?
#
# To measure it we draw 300 models at random, with four words and `<EOS>`, and sentences of at most
# six tokens: all of them can be scored at once. More beams find the best sentence more often, with
# falling return; and with so many that nothing is dropped the search is exact.

# %%
MODELS, LONGEST, SIZE = 300, 6, 7  # <PAD>, <UNK>, <EOS> and four words
logits = np.random.default_rng(1).normal(0, 1.5, size=(MODELS, SIZE, SIZE))
logits[:, :, :END_ID] = -np.inf
tables = log_softmax(logits, axis=2)


def best_of_all(alpha):
    """Returns the best score of any sentence of each model, (models,)."""
    best = np.full(MODELS, -np.inf)
    for length in range(1, LONGEST + 1):
        for words in itertools.product(range(END_ID + 1, SIZE), repeat=length - 1):
            path = (END_ID, *words)
            log = sum((tables[:, i, j] for i, j in itertools.pairwise(path)), np.zeros(MODELS))
            last = tables[:, path[-1]]  # a sentence ends, or is cut off at its longest
            log = log + (last[:, END_ID:].max(axis=1) if length == LONGEST else last[:, END_ID])
            best = np.maximum(best, log / length**alpha)
    return best


widths, true_best = (1, 2, 3, 5, 10), {alpha: best_of_all(alpha) for alpha in (0.0, 0.7)}
shares = {}
for alpha, best in true_best.items():
    found = [np.asarray(search_of_zoo(tables, b, alpha, LONGEST).scores)[:, 0] for b in widths]
    assert all((scores <= best + 1e-4).all() for scores in found)  # none beats the list
    shares[alpha] = [np.mean(scores > best - 1e-4) for scores in found]
    print(f"alpha = {alpha}: the best is found in", np.round(shares[alpha], 2))
    exact = search_of_zoo(tables[:20], 4 ** (LONGEST - 1), alpha, LONGEST)
    np.testing.assert_allclose(np.asarray(exact.scores)[:, 0], best[:20], atol=1e-5)
    assert shares[alpha][0] < shares[alpha][-1]

figure, axes = plt.subplots(figsize=(6, 3.2))
for (alpha, share), marker in zip(shares.items(), "os", strict=True):
    axes.plot(widths, share, marker=marker, label=f"α = {alpha}")
axes.set(title="How often beam search finds the best sentence", ylim=(0, 1.02))
axes.set(xlabel="beams B", ylabel="share of 300 models", xticks=widths)
axes.legend(loc="lower right")

# %% [markdown]
# ## The length of sentences
#
# Each factor is at most 1, so each further word can only lower $P$. Whoever maximises $P$ prefers
# short sentences. The remedy divides by the length, to the power of $\alpha$:
#
# $$\frac{1}{T_y^{\alpha}} \sum_{t=1}^{T_y} \log P(y^{\langle t\rangle} \mid x,
# y^{\langle 1\rangle}, \ldots, y^{\langle t-1\rangle})$$
#
# $\alpha = 0$ changes nothing, $\alpha = 1$ takes the mean of a word, and 0.7 is a usual choice.
# The zoo calls it `length_penalty`; $T_y$ counts `<EOS>`.

# %%
alphas = np.linspace(0, 1, 21)
lines = {words: [log / len(words) ** a for a in alphas] for words, log in every[:4]}
figure, axes = plt.subplots(figsize=(7, 3.8))
for (words, line), style in zip(lines.items(), ("-", "--", "-.", ":"), strict=True):
    axes.plot(alphas, line, style, label=" ".join(words[:-1]))
axes.set(title="The score of four sentences", xlabel="α", ylabel=r"$\log P \, / \, T_y^\alpha$")
axes.legend()

for alpha in (0.0, 0.7):
    (score, log, words), *_ = search(5, alpha)
    print(f"alpha = {alpha}: P = {np.exp(log):.3f}, {len(words)} tokens:", *words)
    assert score == max(log / len(words) ** alpha for words, log in every)
assert len(search(5, 0.0)[0][2]) < len(search(5, 0.7)[0][2])

# %% [markdown]
# ## Whose fault is an error?
#
# A person wrote $y^*$, the machine wrote $\hat y$, and $\hat y$ is worse. The model can score both:
#
# - $P(y^* \mid x) > P(\hat y \mid x)$: the model knew better, and the search missed it. More beams
#   help.
# - $P(y^* \mid x) \le P(\hat y \mid x)$: the search did its work, and the model prefers what is
#   worse. More beams do not help; data and training do, or a length penalty.
#
# With a length penalty, compare the scores that the search compares. Among many errors, the share
# of each kind says what to work at.


# %%
def blame(human, machine):
    """Returns which of the two made an error."""
    return "search" if log_p(human) > log_p(machine) else "model"


human = ("jane", "is", "visiting", "africa", "in", "september", "<EOS>")
for beams in (1, 3):
    machine = search(beams)[0][2]
    print(f"B = {beams}: P(human) = {np.exp(log_p(human)):.3f},", end=" ")
    print(f"P(machine) = {np.exp(log_p(machine)):.3f}, by the {blame(human, machine)}:", *machine)
assert blame(human, search(1)[0][2]) == "search"
assert blame(human, search(3)[0][2]) == "model"  # which likes the short sentence better
assert search(3, 0.7)[0][2] == human

# %% [markdown]
# Next: [Conditional random fields](crf.py).
