"""The command line of translation in this process, pairs to learn, and tiny models."""

import functools
import random

import keras
import numpy as np

from support.command_lines import Result
from tasks.translation import Translation
from zoo.application.command_line.commands import commands, execute
from zoo.datasets.parallel_text import Pairs
from zoo.networks import encoder_decoder
from zoo.predictors import Translator
from zoo.predictors.translator import TOKENIZERS

# A network and a training as small as can be.
TINY = (
    "--units=8",
    "--embedding-dim=6",
    "--batch-size=16",
    "--dropout=0",
    "--learning-rate=0.02",
    "--epochs=2",
    "--vocabulary-size=60",
    "--no-share-embeddings",
    "--no-tie-embeddings",
)

_WORDS = {
    "the": "le",
    "cat": "chat",
    "dog": "chien",
    "sees": "voit",
    "hears": "entend",
    "big": "grand",
    "old": "vieux",
}


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
        targets.append(" ".join(_WORDS[word] for word in target) + ".")
    return Pairs(tuple(sources), tuple(targets))


def write_pairs(path, **options):
    """Writes `pairs` as lines; returns the path."""
    found = pairs(**options)
    lines = (f"{s}\t{t}\n" for s, t in zip(found.sources, found.targets, strict=True))
    path.write_text("".join(dict.fromkeys(lines)), encoding="utf-8")
    return path


def predictor_of(level="subword", scale=0.7, seed=3, **options):
    """An untrained predictor, whose probabilities differ from token to token."""
    kind = TOKENIZERS[level]
    make = kind.from_texts if level == "subword" else kind.from_documents
    arguments = {"lowercase": False} if level == "word" else {}
    source, target = (make(list(t), **arguments) for t in (pairs().sources, pairs().targets))
    options = {"embedding_dim": 4, "units": 5, "cell": "gru"} | options
    keras.utils.set_random_seed(seed)
    model = encoder_decoder(len(source.vocabulary), len(target.vocabulary), **options)
    generator = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(scale * generator.normal(size=weight.shape))
    return Translator(model, source, target)


def execute_translation(*arguments):
    """Runs the command line in this process; returns the exit code."""
    command = commands(Translation())
    return execute(command, "python -m tasks.translation", [*map(str, arguments)])


def call(capfd, *arguments):
    """Runs the command line in this process."""
    capfd.readouterr()
    code = execute_translation(*arguments)
    return Result(code, *capfd.readouterr())
