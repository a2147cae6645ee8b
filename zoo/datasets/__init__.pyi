from . import (
    batches,
    corpora,
    music,
    parallel_text,
    plain_text,
    readers,
    sequence_tagging,
    text_classification,
)

__all__ = [
    "batches",
    "corpora",
    "music",
    "parallel_text",
    "plain_text",
    "readers",
    "sequence_tagging",
    "text_classification",
]
