from . import (
    characters,
    normalization,
    sentences,
    special_tokens,
    subwords,
    tags,
    token_features,
    token_spans,
    vocabularies,
    word_vectors,
    words,
)

__all__ = [
    "characters",
    "normalization",
    "sentences",
    "special_tokens",
    "subwords",
    "tags",
    "token_features",
    "token_spans",
    "vocabularies",
    "word_vectors",
    "words",
]
