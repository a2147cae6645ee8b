"""Small languages, pieces of music, and untrained predictors of them."""

import functools
import random

import numpy as np

from zoo import networks
from zoo.datasets.parallel_text import Pairs
from zoo.music import KEYS, Score
from zoo.music.chords import ChordEncoder
from zoo.predictors import LanguageModel, MusicModel, Translator, language_model, translator

_SUBJECTS = ("The king", "A pear", "My lord", "Ann", "The old man", "Nobody")
_VERBS = ("sees", "is", "loves", "has eaten")
_OBJECTS = ("the sea", "an apple", "dead", "well", "a pear salad", "Köln")
WORDS = {
    "the": "le",
    "cat": "chat",
    "dog": "chien",
    "sees": "voit",
    "hears": "entend",
    "big": "grand",
    "old": "vieux",
}


def randomized(model, scale=1.0, seed=3):
    """A network with weights that let its answers differ."""
    generator = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(scale * generator.normal(size=weight.shape))
    return model


@functools.cache
def text(sentences=120):
    """Sentences of a small language, some to a line, in paragraphs."""
    draw = random.Random(1)
    made = []
    for _ in range(sentences):
        words = (draw.choice(part) for part in (_SUBJECTS, _VERBS, _OBJECTS))
        end = draw.choice((".", ".", "!", "?"))
        made.append(" ".join(words) + end + draw.choice((" ", " ", "\n", "\n\n")))
    return "".join(made)


def language_model_of(level="character", scale=1.5, seed=3, **options):
    """An untrained predictor, whose probabilities differ from token to token."""
    tokenizer = language_model.TOKENIZERS[level].from_documents([text()])
    options = {"embedding_dim": 5, "units": 4} | options
    model = networks.language_model(len(tokenizer.vocabulary), **options)
    return LanguageModel(randomized(model, scale, seed), tokenizer)


@functools.cache
def pairs(number=80):
    """Sentences of a small language, with a translation that puts the adjective last."""
    draw = random.Random(1)
    sources, targets = [], []
    for _ in range(number):
        nouns = draw.choices(("cat", "dog"), k=2)
        adjective, verb = draw.choice(("big", "old")), draw.choice(("sees", "hears"))
        source = ["the", adjective, nouns[0], verb, "the", nouns[1]]
        target = ["the", nouns[0], adjective, verb, "the", nouns[1]]
        sources.append(" ".join(source) + ".")
        targets.append(" ".join(WORDS[word] for word in target) + ".")
    return Pairs(tuple(sources), tuple(targets))


def translator_of(level="subword", scale=0.7, seed=3, **options):
    """An untrained predictor, whose probabilities differ from token to token."""
    kind = translator.TOKENIZERS[level]
    make = kind.from_texts if level == "subword" else kind.from_documents
    arguments = {"lowercase": False} if level == "word" else {}
    source, target = (make(list(t), **arguments) for t in (pairs().sources, pairs().targets))
    options = {"embedding_dim": 4, "units": 5, "cell": "gru"} | options
    model = networks.encoder_decoder(len(source.vocabulary), len(target.vocabulary), **options)
    return Translator(randomized(model, scale, seed), source, target)


def encoder_of(kind, voices=4):
    """Of "ranked" chords on a grid of quarters, or of "parts" on one of sixteenths."""
    return ChordEncoder(voices, kind == "ranked", 1 if kind == "ranked" else 4)


def music_model_of(kind="parts", voices=4, scale=0.5, seed=3, **options):
    """An untrained predictor, whose probabilities differ from symbol to symbol."""
    encoder = encoder_of(kind, voices)
    conditions = {} if encoder.ranked else {"positions": encoder.bar, "keys": len(KEYS)}
    options = {"units": 5, "embedding_dim": 4, "voice_units": 6} | conditions | options
    model = networks.chord_model(voices, ranked=encoder.ranked, **options)
    return MusicModel(randomized(model, scale, seed), encoder)


def piece_of(kind="parts", steps=17, voices=4, seed=0, key="G major", first=4):
    """A piece with rests, repeated and held notes that begins within a bar, or chords."""
    draw = np.random.default_rng(seed)
    tops = 76 - 7 * np.arange(voices)
    pitches = tops + draw.integers(-2, 3, (steps, voices))
    if kind == "ranked":
        pitches[:, -1] *= draw.random(steps) < 0.8
        arguments = {"onsets": pitches > 0, "steps_per_quarter": 1, "ranked": True}
        return Score(pitches=pitches, positions=np.zeros(steps), **arguments)
    held = draw.random((steps, voices)) < 0.6
    for t in range(1, steps):
        pitches[t] = np.where(held[t], pitches[t - 1], pitches[t])
    pitches *= draw.random((steps, voices)) < 0.9
    onsets = ~held & (pitches > 0)
    positions = (first + np.arange(steps)) % 16
    return Score(pitches, onsets, steps_per_quarter=4, positions=positions, key=key)
