from . import (
    baselines,
    calibration,
    challenges,
    classification,
    figures,
    highlights,
    tagging,
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
    "translation",
]
