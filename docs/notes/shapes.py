# %% [markdown]
# # Shapes of sequence problem
#
# $T_x$ is the number of steps of the input, $T_y$ that of the output. The notes tell five shapes of
# problem apart by the two. `zoo.networks` has a builder for each.

# %%
import matplotlib.pyplot as plt
import numpy as np

import zoo
from zoo.networks import chord_model, encoder_decoder, many_to_many, many_to_one

random = np.random.default_rng(0)
small = {"embedding_dim": 8, "units": 8, "seed": 0}


def ids(*shape):
    """Random ids of tokens, from 1 on: 0 is padding."""
    return random.integers(1, 20, size=shape).astype("int32")


# %%
def draw(axes, title, inputs, outputs, steps, fed_back=False):
    """Boxes for x, a and y over time, and an arrow for each thing that is read."""
    axes.set(title=title, xlim=(0.3, 5.7), ylim=(-0.4, 2.4))
    axes.set_axis_off()
    for row, times, text, colour in (
        (0, inputs, "x", "C0"),
        (1, steps, "a", "C3"),
        (2, outputs, "ŷ", "C1"),
    ):
        box = {"boxstyle": "round,pad=0.3", "facecolor": colour, "edgecolor": "none"}
        for t in times:
            axes.text(t, row, text, ha="center", va="center", color="white", bbox=box)
    arrows = [((t, 0.75), (t, 0.25), "-") for t in inputs]
    arrows += [((t, 1.75), (t, 1.25), "-") for t in outputs]
    arrows += [((t - 0.22, 1), (t - 0.78, 1), "-") for t in steps[1:]]
    if fed_back:
        arrows += [((t + 0.8, 1.2), (t + 0.2, 1.8), ":") for t in outputs[:-1]]
    for head, tail, line in arrows:
        arrow = {"arrowstyle": "-|>", "color": "0.3", "linestyle": line}
        axes.annotate("", head, tail, arrowprops=arrow)


figure, axes = plt.subplots(2, 3, figsize=(10, 5))
every = range(1, 6)
draw(axes[0, 0], "one-to-one\n$T_x = T_y = 1$", [1], [1], [1])
draw(axes[0, 1], "one-to-many\n$T_x = 1, T_y > 1$", [1], every, every, fed_back=True)
draw(axes[0, 2], "many-to-one\n$T_x > 1, T_y = 1$", every, [5], every)
draw(axes[1, 0], "many-to-many\n$T_x = T_y$", every, every, every)
name = "many-to-many, encoder and decoder\n$T_x \\neq T_y$"
draw(axes[1, 1], name, [1, 2, 3], [4, 5], every, fed_back=True)
axes[1, 2].set_axis_off()
axes[1, 2].text(0, 1, "x  input\na  activation of the recurrence\nŷ  output", va="top")
axes[1, 2].text(0, 0.55, "dotted: an output is\nthe next input\n\ntime runs to the right", va="top")
figure.suptitle("Five shapes of sequence problem")

# %% [markdown]
# ## One-to-one: $T_x = T_y = 1$
#
# A standard network: one input, one output. It is the case of one step of any other shape, and is
# less used. [Why recurrent networks](why_recurrent.py) shows that the recurrence does nothing then.

# %%
classifier = many_to_one(20, classes=3, **small)
assert classifier(ids(4, 1)).shape == (4, 3)  # (batch, classes)

# %% [markdown]
# ## Many-to-one: $T_x > 1$, $T_y = 1$
#
# The same network reads any number of steps. What the recurrence gave at them is pooled into one
# vector, the maximum of each unit by default. Sentiment classification, DNA sequences and video
# activity recognition have this shape.

# %%
assert classifier(ids(4, 9)).shape == (4, 3)

sentiment = zoo.load("sentiment_bilstm_movie_snippets")
for text in ("A moving, funny and beautifully acted film.", "Two hours I will never get back."):
    (prediction,) = sentiment.predict([text])
    print(f"T_x = {len(text.split())}   T_y = 1   {text} -> {prediction['label']}")

# %% [markdown]
# ## One-to-many: $T_x = 1$, $T_y > 1$
#
# One input starts the sequence; then each output is the next input, $x^{\langle t+1\rangle} =
# \hat{y}^{\langle t\rangle}$. Music generation: one chord is given, the network draws the chords
# after it. In training the network reads a piece of music and predicts each chord from those before
# it, so the model itself maps a sequence to one of the same length.

# %%
composer = chord_model(voices=4, **small)
chords = {"chords": random.integers(1, 100, size=(2, 7, 4)).astype("int32")}
assert composer(chords).shape[:3] == (2, 7, 4)  # (batch, timesteps, voices, symbols)

music = zoo.load("music_lstm_bach_chorales")
(piece,) = music.generate("C5 G4 E4 C3", key="C major", length=16, seed=1)
pitches = np.asarray(piece["score"].pitches)  # (sixteenths, voices), numbers of MIDI
print(f"T_x = 1   T_y = {len(pitches) - 1}")
assert pitches.shape == (16, 4)

# %%
figure, axes = plt.subplots(figsize=(8, 3))
for voice, name in enumerate(("soprano", "alto", "tenor", "bass")):
    axes.step(
        np.arange(17),
        [*pitches[:, voice], pitches[-1, voice]],
        where="post",
        label=name,
        linewidth=4,
    )
axes.axvspan(0, 1, color="0.9", zorder=0)
axes.set_title("One chord is given, in grey; the network goes on")
axes.set(xlabel="time (sixteenths)", ylabel="pitch (MIDI number)")
figure.legend(loc="outside right center")

# %% [markdown]
# ## Many-to-many: $T_x = T_y$
#
# One output for each step of the input: named entity recognition has a tag for each word, a
# language model the next word after each word.

# %%
tagger = many_to_many(20, tags=5, head="softmax", **small)
assert tagger({"words": ids(4, 9)}).shape == (4, 9, 5)  # (batch, timesteps, tags)

entities = zoo.load("ner_bilstm_conll2003")
text = "Theodore Roosevelt was born in New York"
(prediction,) = entities.predict([text])
found = [f"[{entity['text']}: {entity['type']}]" for entity in prediction["entities"]]
print(f"T_x = T_y = {len(text.split())}   {text} -> {', '.join(found)}")

# %% [markdown]
# ## Many-to-many: $T_x \neq T_y$
#
# An encoder reads the whole input; a decoder starts from its last activation and writes the output
# until it draws `<EOS>`. Machine translation and speech recognition have this shape.
#
# $$
# P(y^{\langle 1\rangle}, \ldots, y^{\langle T_y\rangle} | x) =
#     \prod_t P(y^{\langle t\rangle} | y^{\langle 1\rangle}, \ldots, y^{\langle t-1\rangle}, x)
# $$

# %%
network = encoder_decoder(20, 15, **small)
logits = network({"source_ids": ids(4, 9), "target_ids": ids(4, 6) % 15})
assert logits.shape == (4, 6, 15)  # (batch, target timesteps, vocabulary of the target)

dates = zoo.load("translation_bigru_dates")
for source in ("27 February 2019", "Wednesday, 3 May 1950", "le 4 juillet 2021"):
    (prediction,) = dates.predict([source])
    target = prediction["translation"]
    print(f"T_x = {len(source):2}   T_y = {len(target)}   {source} -> {target}")

# %% [markdown]
# A step is a character here. The output always has ten of them, however long the input is.
#
# Next: [Losses and backpropagation through time](losses_and_bptt.py).
