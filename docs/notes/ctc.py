# %% [markdown]
# # Connectionist temporal classification
#
# A recording has a hundred steps, and its text has ten letters. Nobody says which steps belong to
# which letter. Connectionist temporal classification (CTC) sums over all the ways in which the
# letters may lie on the steps, so that a network can learn from pairs of recording and text alone.
#
# This chapter counts these ways one by one, then by the forward algorithm, and reads labels off a
# network that has learnt to write down melodies.

# %%
import itertools

import keras
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import log_softmax

from zoo.audio import Features, Normalization, features_of
from zoo.generation import ctc
from zoo.networks import Frames, transcriber
from zoo.training import CTC, ctc_loss, infeasible

# %% [markdown]
# ## Paths
#
# At each step $t$ the network gives a softmax $\hat y^{\langle t\rangle}$ over the letters and one
# symbol more, the blank `-`, which stands for no letter. A path $\pi$ has one symbol a step. The
# steps are independent of each other given the input, so its probability is a product:
#
# $$P(\pi \mid x) = \prod_{t=1}^{T_x} \hat y^{\langle t\rangle}_{\pi_t}$$
#
# The function $B$ makes labels of a path: it collapses repeats, then removes blanks. A blank
# between two equal letters keeps them apart.

# %%
SYMBOLS = "-ab"


def collapse(path):
    """Returns B(π): repeats collapsed, then blanks removed."""
    return "".join(symbol for symbol, _ in itertools.groupby(path) if symbol != "-")


for path in ("a-ab-", "aaabb", "-aab-", "a--ab"):
    print(path, "->", collapse(path))
assert collapse("aaabb") == "ab"
assert collapse("a-ab-") == "aab"

# %% [markdown]
# ## The probability of labels
#
# Labels are as probable as all their paths together, and the loss is the negative logarithm:
#
# $$P(y \mid x) = \sum_{\pi: B(\pi) = y} P(\pi \mid x), \qquad L = -\log P(y \mid x)$$
#
# With three symbols and five steps there are $3^5 = 243$ paths, few enough to list.

# %%
T_X = 5
logits = np.random.default_rng(2).normal(0, 1.5, size=(T_X, len(SYMBOLS)))
log_p = log_softmax(logits, axis=1)  # log ŷ, (steps, symbols)

paths = ["".join(path) for path in itertools.product(SYMBOLS, repeat=T_X)]
log_of = {path: sum(log_p[t, SYMBOLS.index(s)] for t, s in enumerate(path)) for path in paths}
totals: dict[str, float] = {}
for path, log_path in log_of.items():
    labels = collapse(path)
    totals[labels] = totals.get(labels, 0.0) + np.exp(log_path)
np.testing.assert_allclose(sum(totals.values()), 1)
of_ab = [path for path in paths if collapse(path) == "ab"]
print(f"{len(of_ab)} paths for 'ab': {', '.join(of_ab[:6])}, ...")


def loss_of_zoo(labels):
    """Returns -log P(y | x) by the zoo's loss; symbol 0 is the blank."""
    ids = np.array([[SYMBOLS.index(symbol) for symbol in labels]], "int32")
    return float(ctc_loss(logits[None], [T_X], ids, [len(labels)])[0])


for labels in ("ab", "aab", "b", "abab"):
    print(f"P({labels}) = {totals[labels]:.4f}")
    np.testing.assert_allclose(loss_of_zoo(labels), -np.log(totals[labels]), atol=1e-5)

# %% [markdown]
# ## The forward algorithm
#
# A second of speech has too many paths to list. The forward algorithm puts blanks around all
# labels, $z = (-, a, -, b, -)$, and lets $\alpha^{\langle t\rangle}_s$ be the probability of all
# beginnings of paths that have reached $z_s$ at step $t$. A path stays, moves on by one, or skips a
# blank; it may skip the blank only between labels that differ:
#
# $$\alpha^{\langle t\rangle}_s = \hat y^{\langle t\rangle}_{z_s} \left(
# \alpha^{\langle t-1\rangle}_s + \alpha^{\langle t-1\rangle}_{s-1} +
# [z_s \neq - \text{ and } z_s \neq z_{s-2}] \, \alpha^{\langle t-1\rangle}_{s-2} \right)$$
#
# A path ends in the last label or in the blank behind it, so
# $P(y \mid x) = \alpha^{\langle T_x\rangle}_S + \alpha^{\langle T_x\rangle}_{S-1}$. That takes
# $T_x (2 T_y + 1)$ cells.


# %%
def forward_table(labels):
    """Returns the labels with blanks around them, and α, (steps, 2 labels + 1)."""
    z = "-" + "".join(f"{label}-" for label in labels)
    p = np.exp(log_p)[:, [SYMBOLS.index(symbol) for symbol in z]]
    alpha = np.zeros_like(p)
    alpha[0, :2] = p[0, :2]  # a path begins with a blank or the first label
    for t in range(1, len(p)):
        for s in range(len(z)):
            before = alpha[t - 1, s] + (alpha[t - 1, s - 1] if s > 0 else 0)
            if s > 1 and z[s] not in ("-", z[s - 2]):
                before += alpha[t - 1, s - 2]
            alpha[t, s] = p[t, s] * before
    return z, alpha


for labels in ("ab", "aab", "b", "abab"):
    _, alpha = forward_table(labels)
    np.testing.assert_allclose(alpha[-1, -2:].sum(), totals[labels], atol=1e-5)

z, alpha = forward_table("ab")
figure, axes = plt.subplots(figsize=(6.5, 3.5))
image = axes.imshow(np.where(alpha > 0, alpha, np.nan).T, cmap="cividis", aspect="auto")
for t, s in np.argwhere(alpha > 0):
    colour = "black" if alpha[t, s] > 0.5 * alpha.max() else "white"
    axes.text(t, s, f"{alpha[t, s]:.3f}", ha="center", va="center", color=colour)
axes.set_xticks(range(T_X), range(1, T_X + 1))
axes.set_yticks(range(len(z)), z)
axes.set(title="The forward table of 'ab'", xlabel="step t", ylabel="label or blank")
axes.grid(False)
figure.colorbar(image, ax=axes, label="α")

# %% [markdown]
# Labels may need more steps than there are. "aa" needs three, since a blank must stand between.
# Such a pair of recording and text has no path. The zoo counts it as `infeasible`, and leaves it
# out of the loss.

# %%
assert not any(collapse(path) == "aa" for path in itertools.product(SYMBOLS, repeat=2))
assert np.asarray(infeasible([2, 3], [[1, 1], [1, 1]], [2, 2])).tolist() == [True, False]

# %% [markdown]
# ## Best path or best labels?
#
# The greedy reading takes the best symbol of each step, and collapses. That is the best *path*. The
# best *labels* may be others, if many middling paths lead to them. Two steps are enough: both think
# that a blank is likelier than `a`.

# %%
small = np.log([[0.6, 0.4], [0.6, 0.4]])  # steps x (blank, a)
of_paths = {p: np.prod([0.6 if s == "-" else 0.4 for s in p]) for p in ("--", "-a", "a-", "aa")}
print({path: round(float(p), 2) for path, p in of_paths.items()})
p_nothing, p_a = of_paths["--"], of_paths["-a"] + of_paths["a-"] + of_paths["aa"]
print(f"P(nothing) = {p_nothing:.2f}, P(a) = {p_a:.2f}")

labels, lengths, log_best = ctc.greedy(small[None], [2])
assert np.asarray(lengths).tolist() == [0]
np.testing.assert_allclose(np.exp(log_best), [p_nothing], atol=1e-5)
found = ctc.prefix_beam_search(small[None], [2], beams=3)
assert np.asarray(found.labels)[0, 0].tolist() == [1, 0]  # a, and padding
np.testing.assert_allclose(np.exp(found.log_probabilities), [[p_a]], atol=1e-5)

# %% [markdown]
# Prefix search grows labels rather than paths. For each prefix it keeps the probability of its
# paths that end in a blank apart from that of its paths that end in its last label, since only
# behind a blank may the same label come again. With enough beams it is exact:

# %%
best = max(totals, key=totals.get)
found = ctc.prefix_beam_search(logits[None].astype("float32"), [T_X], beams=100)
length = int(found.label_lengths[0, 0])
assert "".join(SYMBOLS[i] for i in np.asarray(found.labels)[0, 0, :length]) == best
np.testing.assert_allclose(np.exp(found.log_probabilities)[0, 0], totals[best], atol=1e-5)
print(f"the best labels: '{best}', with P = {totals[best]:.4f}")

# %% [markdown]
# ## A network that writes down melodies
#
# Recordings of speech are not part of the repository, so we make sounds: melodies of up to five
# notes, each a tone of some length with a pause behind it. The network sees frames of 25 ms. It
# learns from melodies and their notes, without a word about *when*.

# %%
RATE, NOTES = 8000, {"a": 440, "e": 659, "c": 1047, "g": 1568}  # Hz
features = Features(kind="log_mel", bands=32, rate=RATE)
random = np.random.default_rng(1)


def melody(notes):
    """Returns a waveform, and for each note its begin and end in seconds."""
    pieces, spans, now = [np.zeros(400)], [], 400
    for note in notes:
        samples, pause = int(random.integers(800, 2400)), int(random.integers(400, 1000))
        tone = np.sin(2 * np.pi * NOTES[note] * np.arange(samples) / RATE)
        pieces += [tone * np.hanning(samples) ** 0.3, np.zeros(pause)]
        spans.append((now / RATE, (now + samples) / RATE))
        now += samples + pause
    sound = np.concatenate(pieces)
    return (0.3 * sound + random.normal(0, 0.003, len(sound))).astype("float32"), spans


def batch(melodies, waveforms):
    """Returns what the network reads, its targets, and the weights of the steps."""
    frames = features_of(waveforms, features)
    lengths = np.array([len(f) for f in frames], "int32")
    longest, most = lengths.max(), max(map(len, melodies))
    rows = np.stack([np.pad(f, [(0, longest - len(f)), (0, 0)]) for f in frames])
    mask = (np.arange(longest) < lengths[:, None]).astype("int32")
    labels = [[1 + [*NOTES].index(note) for note in notes] for notes in melodies]
    labels = np.array([row + [0] * (most - len(row)) for row in labels], "int32")
    rows = np.asarray(Normalization()(rows, lengths))
    return {"features": rows, "mask": mask}, labels, mask.astype("float32")


melodies = ["".join(random.choice([*NOTES], random.integers(1, 6))) for _ in range(256)]
inputs, labels, weights = batch(melodies, [melody(notes)[0] for notes in melodies])
keras.utils.set_random_seed(1)  # the order of the batches
network = transcriber(Frames(features.size), 1 + len(NOTES), units=32, layers=1, seed=1)
rate = keras.optimizers.schedules.CosineDecay(0.02, 10 * len(melodies) // 8)  # of 10 epochs
optimizer = keras.optimizers.Adam(rate, clipnorm=1.0)
network.compile(optimizer, CTC("mean_per_step"), jit_compile=False)
history = network.fit(inputs, labels, 8, epochs=10, sample_weight=weights, verbose=0).history
print("loss per note:", np.round(history["loss"], 3))
assert history["loss"][-1] < 0.3

# %% [markdown]
# Now melodies that it has not heard. The last is longer than any of the training, and has two equal
# notes in a row. Prefix search reads them.

# %%
tune = "acegga"
unheard = ["".join(random.choice([*NOTES], random.integers(1, 6))) for _ in range(50)] + [tune]
sounds, spans = zip(*map(melody, unheard), strict=True)
inputs, targets, weights = batch(unheard, sounds)
lengths = weights.sum(axis=1).astype("int32")
logits = np.asarray(network(inputs, training=False))
found = np.asarray(ctc.prefix_beam_search(logits, lengths, beams=10).labels)[:, 0]
texts = ["".join(" aecg"[i] for i in row).strip() for row in found]
right = np.mean([text == notes for text, notes in zip(texts, unheard, strict=True)])
print(f"{right:.0%} of {len(unheard)} melodies are right; '{tune}' is heard as '{texts[-1]}'")
assert right > 0.6

# %% [markdown]
# Where is each note? `ctc.alignment` takes labels as given, and finds their best path: the forward
# algorithm with a maximum in place of the sum. It is one path of many, so less probable than the
# labels.

# %%
heard, seconds = logits[-1, : lengths[-1]], features.hop / RATE  # of a step
steps, log_path = ctc.alignment(heard, targets[-1])
log_of_labels = -float(ctc_loss(heard[None], lengths[-1:], targets[-1:], [len(tune)])[0])
assert log_path < log_of_labels + 1e-4
for note, (begin, end), (first, last) in zip(tune, spans[-1], steps, strict=True):
    print(f"{note}: sounds {begin:.2f} to {end:.2f} s, found at {first * seconds:.2f}", end="")
    print(f" to {(last + 1) * seconds:.2f} s")
    assert begin - 0.2 < first * seconds < end + 0.2

figure, (above, below) = plt.subplots(2, 1, figsize=(8, 5), sharex=True)
spectrum = features_of(sounds[-1:], features)[0]
extent = (0, len(spectrum) * seconds, 0, features.bands)
above.imshow(spectrum.T, origin="lower", aspect="auto", extent=extent, cmap="cividis")
above.set(title="A melody, and the notes that CTC finds in it", ylabel="mel band")
above.grid(False)
probabilities = np.exp(log_softmax(heard, axis=1))
times = (np.arange(len(heard)) + 0.5) * seconds
below.plot(times, probabilities[:, 0], color="grey", linestyle=":", label="blank")
for i, (note, marker) in enumerate(zip(NOTES, "osD^", strict=True)):
    below.plot(times, probabilities[:, i + 1], marker=marker, markersize=4, label=note)
for begin, end in spans[-1]:
    below.axvspan(begin, end, color="grey", alpha=0.15, linewidth=0)
below.set(xlabel="seconds (grey: a note sounds)", ylabel="probability")
below.legend(ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.25))

# %% [markdown]
# A note may be a peak of a frame or two, near its beginning or its end, or fill its whole length.
# All these paths collapse to the same labels, and the loss asks for nothing else. So CTC tells well
# *that* a note came, and about when, but not how long it lasted.
#
# The speech model that ships with the zoo draws the same picture of a recording of spoken digits:
# `zoo.load("speech_bilstm_free_spoken_digits").draw("call.wav", "letters.png")`.
#
# Back to [the notes](index.md).
