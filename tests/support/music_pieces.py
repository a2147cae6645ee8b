"""Scores and pieces to test with and to learn, and tiny models of them."""

import functools
import json
import shlex

import numpy as np

from support.sequences import randomize
from zoo.music import KEYS, Score, parse_chord
from zoo.music.chords import ChordEncoder
from zoo.networks import chord_model
from zoo.predictors import MusicModel


def random_score(steps=40, voices=4, positions=None, steps_per_quarter=4, seed=0, key="F# minor"):
    """Notes and rests of one to eight steps, each voice in a range of its own; the last is none."""
    generator = np.random.default_rng(seed)
    pitches = np.zeros((steps, voices), int)
    onsets = np.zeros((steps, voices), bool)
    for voice in range(voices):
        lowest, start = 36 + 12 * (voices - voice), 0
        while start < steps:
            stop = start + generator.integers(1, 9)
            rests = generator.random() < 0.2 and stop < steps
            pitches[start:stop, voice] = 0 if rests else lowest + generator.integers(12)
            onsets[start, voice] = not rests
            start = stop
    if positions is None:
        positions = np.arange(steps) % (4 * steps_per_quarter)
    return Score(pitches, onsets, steps_per_quarter, positions, key=key)


def score_of(*chords, steps_per_quarter=1):
    """One step a chord ("C5 G4 E4 C3"), every note being struck."""
    return struck([parse_chord(chord) for chord in chords], steps_per_quarter)


def struck(pitches, steps_per_quarter=4, **options):
    """Pitches, (steps, voices), every note being struck."""
    pitches = np.array(pitches)
    positions = np.arange(len(pitches)) % (4 * steps_per_quarter)
    return Score(pitches, pitches > 0, steps_per_quarter, positions, **options)


def encoder_of(kind, voices=4):
    """Of "ranked" chords on a grid of quarters, or of "parts" on one of sixteenths."""
    return ChordEncoder(voices, kind == "ranked", 1 if kind == "ranked" else 4)


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


def assert_same_music(one, other):
    """Equal in all that a file keeps."""
    for name in ("pitches", "onsets", "positions"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert (one.key, one.steps_per_quarter) == (other.key, other.steps_per_quarter)


METRES = {
    "four quarters": np.arange(40) % 16,
    "three quarters": np.arange(40) % 12,
    "a pickup": (np.arange(40) + 12) % 16,
    "a pickup in three": (np.arange(41) + 10) % 12,
    "nothing but a pickup": np.arange(12, 16),
    "a short bar within": np.concatenate([np.arange(16), np.arange(6), np.arange(16)]),
    "an unfinished bar": np.arange(23) % 16,
}

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
