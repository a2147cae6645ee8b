"""Pieces to learn, and tiny models of them."""

import functools
import json
import shlex

import numpy as np

from support.score_examples import encoder_of
from support.score_examples import piece_of as piece_of
from support.sequences import randomize
from zoo.music import KEYS
from zoo.networks import chord_model
from zoo.predictors import MusicModel

# A network and a training as small as can be.
TINY = shlex.split(
    "--units=6 --embedding-dim=5 --voice-units=7 --batch-size=8 --dropout=0 "
    "--learning-rate=0.02 --epochs=2 --transpose=1"
)


def predictor_of(kind="parts", voices=4, scale=0.5, seed=3, **options):
    """An untrained predictor, whose probabilities differ from symbol to symbol."""
    encoder = encoder_of(kind, voices)
    conditions = {} if encoder.ranked else {"positions": encoder.bar, "keys": len(KEYS)}
    options = {"units": 5, "embedding_dim": 4, "voice_units": 6} | conditions | options
    model = chord_model(voices, ranked=encoder.ranked, **options)
    randomize(model, seed, scale)
    return MusicModel(model, encoder)


@functools.cache
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
