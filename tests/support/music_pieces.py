"""The command line of music in this process, pieces to learn, and tiny models."""

import functools
import json

import keras
import numpy as np

from support.command_lines import Result
from support.score_examples import encoder_of
from support.score_examples import piece_of as piece_of
from tasks.music import Music
from zoo.application.command_line.commands import commands, execute
from zoo.music import KEYS
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


@functools.cache
def chorales(number=12):
    """Pieces in the JSON form: chords that go up and down by step."""
    draw = np.random.default_rng(1)
    pieces = []
    for _ in range(number):
        moves = np.cumsum(draw.choice([-2, 0, 2], size=int(draw.integers(6, 12))))
        pieces.append([[int(n + move) for n in (48, 60, 64, 67)] for move in moves])
    return pieces


def write_chorales(path, **options):
    """Writes `chorales` as JSON in three splits; returns the path."""
    pieces = chorales(**options)
    splits = {"train": pieces[:-4], "valid": pieces[-4:-2], "test": pieces[-2:]}
    path.write_text(json.dumps(splits), encoding="utf-8")
    return path


def execute_music(*arguments):
    """Runs the command line in this process; returns the exit code."""
    return execute(commands(Music()), "python -m tasks.music", [*map(str, arguments)])


def call(capfd, *arguments):
    """Runs the command line in this process."""
    capfd.readouterr()
    code = execute_music(*arguments)
    return Result(code, *capfd.readouterr())


def train(folder, *options):
    """Trains a model in `folder/model`, on `folder/chorales.json`; returns its folder."""
    data = write_chorales(folder / "chorales.json")
    assert execute_music("--data", data, "--out", folder / "model", *TINY, *options) == 0
    return folder / "model"
