"""A zoo of recurrent networks: cells from the equations, layers, networks, saved models.

    import zoo

    model = zoo.load("sentiment_bilstm_movie_snippets")
    model.predict(["A moving, funny and beautifully acted film."])

Submodules are imported when they are first used, so that `import zoo` does not load TensorFlow.
"""

import importlib

__version__ = "0.1.0"

_SUBMODULES = {
    "alignments",
    "baselines",
    "cells",
    "characters",
    "chords",
    "datasets",
    "errors",
    "generation",
    "highlights",
    "layers",
    "networks",
    "predictors",
    "presets",
    "scores",
    "sentences",
    "serving",
    "source_lengths",
    "tags",
    "text",
    "token_features",
    "training",
    "vectors",
    "vocabularies",
    "workflow",
}


def __getattr__(name):
    if name == "load":
        return importlib.import_module("zoo.presets").load
    if name in _SUBMODULES:
        return importlib.import_module(f"zoo.{name}")
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_SUBMODULES, "load"})
