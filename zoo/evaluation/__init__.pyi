from . import (
    baselines,
    calibration,
    challenges,
    classification,
    figures,
    highlights,
    tagging,
    transcription,
    translation,
)

__all__ = [
    "baselines",
    "calibration",
    "challenges",
    "classification",
    "figures",
    "highlights",
    "tagging",
    "transcription",
    "translation",
]
