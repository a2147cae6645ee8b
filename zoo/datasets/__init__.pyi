from . import (
    batches,
    corpora,
    corpus,
    dna,
    labelled,
    music,
    parallel_text,
    plain_text,
    readers,
    sequence_tagging,
    speech,
    text_classification,
)

__all__ = [
    "batches",
    "corpora",
    "corpus",
    "dna",
    "labelled",
    "music",
    "parallel_text",
    "plain_text",
    "readers",
    "sequence_tagging",
    "speech",
    "text_classification",
]
