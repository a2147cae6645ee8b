from . import by_length, pipeline, streams

__all__ = [
    "by_length",
    "pipeline",
    "streams",
]
