from . import by_length, clips, mapped, pipeline, shares, streams

__all__ = [
    "by_length",
    "clips",
    "mapped",
    "pipeline",
    "shares",
    "streams",
]
