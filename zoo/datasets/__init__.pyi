from . import (
    batches,
    corpora,
    corpus,
    labels,
    music,
    parallel_text,
    plain_text,
    readers,
    sequence_tagging,
    text_classification,
    video,
)

__all__ = [
    "batches",
    "corpora",
    "corpus",
    "labels",
    "music",
    "parallel_text",
    "plain_text",
    "readers",
    "sequence_tagging",
    "text_classification",
    "video",
]
