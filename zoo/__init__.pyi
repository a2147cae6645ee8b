from . import (
    application,
    audio,
    cells,
    datasets,
    errors,
    evaluation,
    generation,
    layers,
    music,
    networks,
    predictors,
    serving,
    text,
    training,
    video,
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
    "layers",
    "load",
    "music",
    "networks",
    "predictors",
    "serving",
    "text",
    "training",
    "video",
]
