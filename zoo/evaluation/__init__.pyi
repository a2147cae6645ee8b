from . import (
    baselines,
    calibration,
    challenges,
    classification,
    figures,
    highlights,
    logos,
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
    "logos",
    "tagging",
    "transcription",
    "translation",
]
