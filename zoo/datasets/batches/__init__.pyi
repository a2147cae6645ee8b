from . import by_length, mapped, pipeline, streams

__all__ = [
    "by_length",
    "mapped",
    "pipeline",
    "streams",
]
