"""Pairs to learn, and tiny models of them."""

import functools
import random
import shlex

from support.sequences import randomize
from zoo.datasets.parallel_text import Pairs
from zoo.networks import encoder_decoder
from zoo.predictors import Translator
from zoo.predictors.translator import TOKENIZERS

# A network and a training as small as can be.
TINY = shlex.split(
    "--units=8 --embedding-dim=6 --batch-size=16 --dropout=0 --learning-rate=0.02 --epochs=2 "
    "--vocabulary-size=60 --no-share-embeddings --no-tie-embeddings --level=word "
    "--label-smoothing=0.1"
)

_ENGLISH, _FRENCH = "the cat dog sees hears big old", "le chat chien voit entend grand vieux"
_WORDS = dict(zip(_ENGLISH.split(), _FRENCH.split(), strict=True))


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


def different_pairs():
    """(source, target), each once."""
    return [*dict.fromkeys(zip(pairs().sources, pairs().targets, strict=True))]


def write_pairs(path, examples):
    """Writes (source, target) as lines; returns the path."""
    path.write_text("".join(f"{s}\t{t}\n" for s, t in examples), encoding="utf-8")
    return path


def predictor_of(level="subword", scale=0.7, seed=3, **options):
    """An untrained predictor, whose probabilities differ from token to token."""
    kind = TOKENIZERS[level]
    make = kind.from_texts if level == "subword" else kind.from_documents
    arguments = {"lowercase": False} if level == "word" else {}
    source, target = (make(list(t), **arguments) for t in (pairs().sources, pairs().targets))
    options = {"embedding_dim": 4, "units": 5, "cell": "gru"} | options
    model = encoder_decoder(len(source.vocabulary), len(target.vocabulary), **options)
    randomize(model, seed, scale)
    return Translator(model, source, target)
