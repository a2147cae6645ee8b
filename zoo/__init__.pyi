from . import (
    application,
    audio,
    cells,
    datasets,
    errors,
    evaluation,
    generation,
    genomics,
    layers,
    music,
    networks,
    predictors,
    serving,
    text,
    training,
)
from .predictors.presets import load

__version__: str
__all__ = [
    "application",
    "audio",
    "cells",
    "datasets",
    "errors",
    "evaluation",
    "generation",
    "genomics",
    "layers",
    "load",
    "music",
    "networks",
    "predictors",
    "serving",
    "text",
    "training",
]
