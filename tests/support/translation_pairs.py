"""Pairs to learn, and tiny models of them."""

import functools
import random

import keras
import numpy as np

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
    "--level=word",
    "--label-smoothing=0.1",
)



def different_pairs():
    """(source, target), each once."""
    return [*dict.fromkeys(zip(pairs().sources, pairs().targets, strict=True))]


def write_pairs(path, examples):
    """Writes (source, target) as lines; returns the path."""
    path.write_text("".join(f"{s}\t{t}\n" for s, t in examples), encoding="utf-8")
    return path
