"""Pieces to learn, and tiny models of them."""

import json

import keras
import numpy as np

from zoo.music import KEYS, Score
from zoo.music.chords import ChordEncoder
from zoo.networks import chord_model
from zoo.predictors import MusicModel

# A network and a training as small as can be.
TINY = (
    "--units=6",
    "--embedding-dim=5",
    "--voice-units=7",
    "--batch-size=8",
    "--dropout=0",
    "--learning-rate=0.02",
    "--epochs=2",
    "--transpose=1",
)


def encoder_of(kind, voices=4):
    """Of "ranked" chords on a grid of quarters, or of "parts" on one of sixteenths."""
    return ChordEncoder(voices, kind == "ranked", 1 if kind == "ranked" else 4)


def predictor_of(kind="parts", voices=4, scale=0.5, seed=3, **options):
    """An untrained predictor, whose probabilities differ from symbol to symbol."""
    encoder = encoder_of(kind, voices)
    conditions = {} if encoder.ranked else {"positions": encoder.bar, "keys": len(KEYS)}
    options = {"units": 5, "embedding_dim": 4, "voice_units": 6} | conditions | options
    keras.utils.set_random_seed(seed)
    model = chord_model(voices, ranked=encoder.ranked, **options)
    generator = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(scale * generator.normal(size=weight.shape))
    return MusicModel(model, encoder)


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


def chorales(number=16):
    """Pieces in the JSON form: chords that go up and down by step."""
    draw = np.random.default_rng(1)
    pieces = []
    for _ in range(number):
        moves = np.cumsum(draw.choice([-2, 0, 2], size=int(draw.integers(6, 12))))
        pieces.append([[int(n + move) for n in (48, 60, 64, 67)] for move in moves])
    return pieces


def write_chorales(path, pieces):
    """Writes pieces as JSON; returns the path."""
    path.write_text(json.dumps(pieces), encoding="utf-8")
    return path
