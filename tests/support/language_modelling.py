"""Text to learn, and tiny models of it."""

import functools
import random
import shlex

from support.sequences import randomize
from zoo.networks import language_model
from zoo.networks.transfer import keep_vectors
from zoo.predictors import LanguageModel, presets
from zoo.predictors.language_model import TOKENIZERS

# A network and a training as small as can be.
TINY = shlex.split(
    "--units=6 --layers=1 --embedding-dim=5 --batch-size=8 --timesteps=16 "
    "--learning-rate=0.02 --epochs=2"
)

_SUBJECTS = ("The king", "A pear", "My lord", "Ann", "The old man", "Nobody")
_VERBS = ("sees", "is", "loves", "has eaten")
_OBJECTS = ("the sea", "an apple", "dead", "well", "a pear salad", "Köln")


@functools.cache
def sentences(number=120):
    """Sentences of a small language, each with the space or the line ends that follow it."""
    draw = random.Random(1)
    made = []
    for _ in range(number):
        words = (draw.choice(part) for part in (_SUBJECTS, _VERBS, _OBJECTS))
        end = draw.choice((".", ".", "!", "?"))
        made.append(" ".join(words) + end + draw.choice((" ", " ", "\n", "\n\n")))
    return made


def text(number=120):
    """The same as one text."""
    return "".join(sentences(number))


def write_text(path, parts):
    """Writes the parts of a text; returns the path."""
    path.write_text("".join(parts), encoding="utf-8")
    return path


def predictor_of(level="character", scale=1.5, seed=3, backward=False, **options):
    """An untrained predictor, whose probabilities differ from token to token."""
    tokenizer = TOKENIZERS[level].from_documents([text()], backward=backward)
    options = {"embedding_dim": 5, "units": 4} | options
    model = language_model(len(tokenizer.vocabulary), **options)
    randomize(model, seed, scale)
    return LanguageModel(model, tokenizer)


def save_encoders(folder, level="word", **options):
    """Saves models that read forward and backward, with the same vectors; returns their folders."""
    models = []
    for direction in ("forward", "backward"):
        made = predictor_of(level, layers=2, backward=direction == "backward", **options)
        if models:
            keep_vectors(made.model, presets.load(models[0]).model)
        models.append(folder / direction)
        presets.save(made, models[-1], {})
    return models
