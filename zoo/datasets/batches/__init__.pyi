from . import by_length, clips, mapped, pipeline, streams

__all__ = [
    "by_length",
    "clips",
    "mapped",
    "pipeline",
    "streams",
]
