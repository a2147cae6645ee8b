"""The command line of the language model in this process, text to learn, and tiny models."""

import functools
import random

import keras
import numpy as np

from support.command_lines import Result
from tasks.language_model import LanguageModelling
from zoo.application.command_line.commands import commands, execute
from zoo.networks import language_model
from zoo.predictors import LanguageModel
from zoo.predictors.language_model import TOKENIZERS

# A network and a training as small as can be.
TINY = (
    "--units=6",
    "--layers=1",
    "--embedding-dim=5",
    "--batch-size=8",
    "--timesteps=16",
    "--dropout=0",
    "--learning-rate=0.02",
    "--epochs=2",
)

_SUBJECTS = ("The king", "A pear", "My lord", "Ann", "The old man", "Nobody")
_VERBS = ("sees", "is", "loves", "has eaten")
_OBJECTS = ("the sea", "an apple", "dead", "well", "a pear salad", "Köln")


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


def write_text(path, sentences=120):
    """Writes `text`; returns the path."""
    path.write_text(text(sentences), encoding="utf-8")
    return path


def predictor_of(level="character", scale=1.5, seed=3, **options):
    """An untrained predictor, whose probabilities differ from token to token."""
    tokenizer = TOKENIZERS[level].from_documents([text()])
    options = {"embedding_dim": 5, "units": 4} | options
    keras.utils.set_random_seed(seed)
    model = language_model(len(tokenizer.vocabulary), **options)
    generator = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(scale * generator.normal(size=weight.shape))
    return LanguageModel(model, tokenizer)


def execute_language_model(*arguments):
    """Runs the command line in this process; returns the exit code."""
    command = commands(LanguageModelling())
    return execute(command, "python -m tasks.language_model", [*map(str, arguments)])


def call(capfd, *arguments):
    """Runs the command line in this process."""
    capfd.readouterr()
    code = execute_language_model(*arguments)
    return Result(code, *capfd.readouterr())


def train(folder, *options):
    """Trains a model in `folder/model`, on `folder/words.txt`; returns its folder."""
    data = write_text(folder / "words.txt")
    assert execute_language_model("--data", data, "--out", folder / "model", *TINY, *options) == 0
    return folder / "model"
