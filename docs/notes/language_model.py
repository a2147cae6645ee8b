# %% [markdown]
# # Language models
#
# A language model says how probable a sentence is. A speech recognizer needs this: *pair* and
# *pear* sound alike, so only the sentence around them tells which word the speaker meant.
#
# In this chapter a small model learns a small language. Then it scores sentences, writes new ones,
# and shows what a temperature does. Each number is computed twice: by the equation, and by the zoo.

# %%

import keras
import matplotlib.pyplot as plt
import numpy as np

import zoo
from zoo.generation import permitted, truncated
from zoo.networks import initial_states, language_model, step_model
from zoo.predictors import LanguageModel
from zoo.text.characters import CharacterTokenizer
from zoo.text.sentences import SentenceTokenizer
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID

# %% [markdown]
# ## A text
#
# The text comes from templates. Fruits stand beside fruits, and a *pair* is a pair of things to
# wear. Some sentences end with the name of a guest, and each name is rare.

# %%
random = np.random.default_rng(1)
FRUITS = ["apple", "pear", "plum", "cherry"]
CLOTHES = ["shoes", "gloves", "socks", "boots"]
DISHES = ["salad", "cake", "juice"]
GUESTS = [f"{first}{last}" for first in ("Ann", "Bert", "Carl") for last in ("ette", "ina", "os")]


def sentence():
    """Returns one sentence of the small language."""
    one, other = random.choice(FRUITS, 2, replace=False)
    clothes, dish, guest = (random.choice(some) for some in (CLOTHES, DISHES, GUESTS))
    templates = [
        f"The {one} and {other} {dish}",
        f"The {one} {dish} and pair of {clothes}",
        f"The {one} and the pair of {clothes}",
        f"My pair of {clothes} and my {other}",
        f"My {one} and {other} {dish} for {guest}",
    ]
    return str(random.choice(templates)) + "."


sentences = [sentence() for _ in range(1500)]
text = " ".join(sentences)
print("\n".join(sentences[:5]))

# %% [markdown]
# ## Tokens
#
# The tokenizer cuts a text into words, and appends `<EOS>` to each sentence. The vocabulary holds
# the most frequent words. Each word outside of it becomes `<UNK>`: here these are the rare names,
# and nearly all words of the sentence about cats, which is of another world.

# %%
tokenizer = SentenceTokenizer.from_documents([text], vocabulary_size=18)
vocabulary = tokenizer.vocabulary
for line in ("My pear and apple cake for Annette.", "Cats average 15 hours of sleep a day."):
    ids = tokenizer.ragged([line], end=True).to_list()[0]
    print(line, "->", " ".join(vocabulary.words(ids)))
    assert ids[-1] == END_ID
    assert UNKNOWN_ID in ids

# %% [markdown]
# ## The model
#
# The probability of a sentence is a product of factors (the chain rule):
#
# $$P(y^{\langle 1\rangle}, y^{\langle 2\rangle}, y^{\langle 3\rangle}) =
# P(y^{\langle 1\rangle}) \, P(y^{\langle 2\rangle} \mid y^{\langle 1\rangle}) \,
# P(y^{\langle 3\rangle} \mid y^{\langle 1\rangle}, y^{\langle 2\rangle})$$
#
# At step $t$ the network reads $y^{\langle t-1\rangle}$. Its softmax is the factor of
# $y^{\langle t\rangle}$. Before the first word it reads `<EOS>`, which ends the sentence before.
# The loss is the cross-entropy $-\log \hat y^{\langle t\rangle}$ of the true next word, so the
# training makes the text as probable as it can.

# %%
network = language_model(len(vocabulary), embedding_dim=24, units=48, seed=1)
model = LanguageModel(network, tokenizer)
trained = model.compile(keras.optimizers.Adam(0.01), batch_size=16)
batches = model.batches([text], batch_size=16, timesteps=16)
history = trained.fit(batches.dataset(), epochs=6, shuffle=False, verbose=0).history
print("perplexity of each epoch:", np.round(history["perplexity"], 2))
assert history["perplexity"][-1] < history["perplexity"][0]

# %% [markdown]
# ## Pear or pair?
#
# We multiply the factors ourselves. `step_model` reads one word and gives the logits of the next.

# %%
one_step = step_model(network)


def softmax(logits):
    """Returns probabilities, exp z_i / Σ_j exp z_j, in double precision."""
    exponentials = np.exp(logits - np.max(logits))
    return exponentials / exponentials.sum()


def read(token_id, states):
    """Reads one token; returns the logits of the next one, and the new states."""
    token_ids = keras.ops.convert_to_tensor([token_id], "int32")
    outputs = dict(one_step({"token_ids": token_ids, **states}))
    return np.asarray(outputs.pop("logits"), "float64")[0], outputs


def factors(line):
    """Returns the words of a sentence, and P(y<t> | y<1>, ..., y<t-1>) of each."""
    ids = tokenizer.ragged([line], end=True).to_list()[0]
    states, before, found = initial_states(network, 1), END_ID, []
    for token_id in ids:
        logits, states = read(before, states)
        found.append(softmax(logits)[token_id])
        before = token_id
    return vocabulary.words(ids), np.array(found)


pear, pair = "The apple and pear salad.", "The apple and pair salad."
(words, of_pear), (other_words, of_pair) = factors(pear), factors(pair)
for line, found in ((pear, of_pear), (pair, of_pair)):
    print(f"P({line}) = {np.prod(found):.2e} =", " x ".join(f"{p:.2g}" for p in found))
assert np.prod(of_pear) > 10 * np.prod(of_pair)

# %% [markdown]
# The zoo's `score` gives the same. It adds logarithms, since a product of many small factors
# underflows: $\log P = \sum_t \log P(y^{\langle t\rangle} \mid \ldots)$.

# %%
scores = [found["log_probability"] for found in model.score([pear, pair])]
ours = [np.log(found).sum() for found in (of_pear, of_pair)]
np.testing.assert_allclose(scores, ours, rtol=1e-5, atol=1e-5)

figure, axes = plt.subplots(figsize=(7, 3))
places = np.arange(len(words))
axes.bar(places - 0.2, of_pear, 0.4, label="pear")
axes.bar(places + 0.2, of_pair, 0.4, label="pair")
axes.set_yscale("log")
labels = [a if a == b else f"{a} / {b}" for a, b in zip(words, other_words, strict=True)]
axes.set_xticks(places, labels)
axes.set(title="The factors of two sentences", xlabel="word", ylabel="P(word | words before)")
axes.legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1))

# %% [markdown]
# A model knows only what its text has shown. The shipped word model has read Shakespeare: it knows
# apples, pears and pairs, but *salad* is `<UNK>`, and a *pair* comes often. It prefers the wrong
# sentence. The remedy is a text about food, not another network.

# %%
shakespeare = zoo.load("language_model_lstm_shakespeare_word")
known = [word in shakespeare.tokenizer.vocabulary for word in ("apple", "pear", "pair", "salad")]
assert known == [True, True, True, False]
scored = shakespeare.score([pear, pair])
assert scored[0]["log_probability"] < scored[1]["log_probability"]
for found in scored:
    tokens = " ".join(token["token"] for token in found["tokens"])
    print(f"{found['log_probability']:.1f}  {tokens}")

# %% [markdown]
# ## Sampling
#
# To write a sentence, draw $\hat y^{\langle t\rangle}$ from the softmax with `np.random.choice`,
# feed it back, and stop at `<EOS>` or at a length. While the draw is `<UNK>`, draw again. One draw
# comes first.

# %%
np.random.seed(1)
logits, states = read(END_ID, initial_states(network, 1))
draw = np.random.choice(len(vocabulary), p=softmax(logits))
print("the first word:", vocabulary.tokens[draw])


def sample(length=20):
    """Draws one sentence, a list of ids."""
    states, before, ids = initial_states(network, 1), END_ID, []
    while len(ids) < length and END_ID not in ids:
        logits, states = read(before, states)
        before = UNKNOWN_ID
        while before in (UNKNOWN_ID, PADDING_ID):
            before = np.random.choice(len(vocabulary), p=softmax(logits))
        ids.append(int(before))
    return ids


written = [sample() for _ in range(5)]
for ids in written:
    print(tokenizer.join([ids]).numpy()[0].decode())
    assert UNKNOWN_ID not in ids

# %% [markdown]
# The library draws only once. Let $q$ be the probability of all that is forbidden. Word $i$ is the
# first draw that counts with probability
#
# $$\sum_{k=0}^{\infty} q^k \, p_i = \frac{p_i}{1 - q},$$
#
# and that is the softmax of the logits that are left. So `permitted` sets the others to
# $-\infty$, and `generate` does in one graph what `sample` does.


# %%
def after(prompt):
    """Returns the logits of what follows the beginning of a sentence."""
    states = initial_states(network, 1)
    for token_id in (END_ID, *vocabulary.ids(prompt.lower().split())):
        logits, states = read(token_id, states)
    return logits


def of_zoo(logits):
    """Returns the same logits as a batch in the precision of the network."""
    return keras.ops.convert_to_tensor(logits[None], "float32")


logits = after("My apple and pear cake for")
p, forbidden = softmax(logits), [PADDING_ID, UNKNOWN_ID]
drawn_again = np.where(np.isin(np.arange(len(p)), forbidden), 0, p / (1 - p[forbidden].sum()))
drawn_once = softmax(np.asarray(permitted(of_zoo(logits), forbidden))[0])
np.testing.assert_allclose(drawn_once, drawn_again, atol=1e-5)
print(f"after 'for', <UNK> has the probability {p[UNKNOWN_ID]:.3f}")
assert p[UNKNOWN_ID] > 0.9

for seed in range(3):
    (found,) = model.generate(length=20, seed=seed)
    print(f"log P = {found['log_probability']:.2f}: {found['text']}")
    assert "<UNK>" not in found["text"]
    if found["ended"]:
        (scored,) = model.score([found["text"]])
        of_score, of_generate = scored["log_probability"], found["log_probability"]
        np.testing.assert_allclose(of_generate, of_score, rtol=1e-5, atol=1e-5)

# %% [markdown]
# A sentence with *for* goes wrong. There the model wants a name, nearly always, and no name is in
# the vocabulary. What is left once `<UNK>` is forbidden are words that never stood there, with tiny
# probabilities that no training has shaped. Log P says so: such sentences are very improbable.
#
# ## Temperature
#
# A temperature $\tau$ divides the logits before the softmax:
#
# $$p_i = \frac{\exp(z_i / \tau)}{\sum_j \exp(z_j / \tau)}.$$
#
# Below 1 the likely words become more likely: the entropy $-\sum_i p_i \log p_i$ falls. Above 1 the
# model dares more, and errs more. The limit 0 is greedy choice: always the most probable word,
# hence always the same sentence.

# %%
logits = after("The apple and")
temperatures, entropies = (0.5, 1.0, 2.0), []
best = np.argsort(-logits)[:7]
figure, axes = plt.subplots(figsize=(7, 3))
for i, temperature in enumerate(temperatures):
    p = softmax(logits / temperature)
    np.testing.assert_allclose(
        softmax(np.asarray(truncated(of_zoo(logits), temperature))[0]), p, atol=1e-5
    )
    entropies.append(-np.sum(p * np.log(p)))
    axes.bar(np.arange(7) + 0.27 * (i - 1), p[best], 0.27, label=f"temperature {temperature}")
axes.set_xticks(np.arange(7), [vocabulary.tokens[i] for i in best])
axes.set(title="What follows 'The apple and'", xlabel="next word", ylabel="probability")
axes.legend()
print("entropy in nats:", np.round(entropies, 2))
assert entropies == sorted(entropies)

# %%
for settings in ({"greedy": True}, {"temperature": 0.5}, {"temperature": 2.0}):
    print(settings)
    for seed in range(3):
        print("   ", model.generate(["The"], length=20, seed=seed, **settings)[0]["text"])

# %% [markdown]
# ## Characters or words?
#
# A model of characters needs no `<UNK>`: it can spell each name. Its vocabulary is small as well.
# But the same text is a sequence several times as long, so that training takes more steps, and what
# belongs together stands further apart. The notes advise it for specialised applications.

# %%
by_character = CharacterTokenizer.from_documents([text])
for name, kind in (("words", tokenizer), ("characters", by_character)):
    stream = kind.stream([text])
    unknown = np.mean(stream == UNKNOWN_ID)
    print(f"{name}: {len(kind.vocabulary)} tokens known, {len(stream)} steps, {unknown:.1%} <UNK>")
assert not np.any(by_character.stream([text]) == UNKNOWN_ID)
assert len(by_character.stream([text])) > 3 * len(tokenizer.stream([text]))

# %% [markdown]
# Next: [Attention](attention.py).
