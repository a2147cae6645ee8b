from . import (
    characters,
    normalization,
    sentences,
    special_tokens,
    subwords,
    tags,
    token_features,
    token_spans,
    tokenizer,
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
    "tokenizer",
    "vocabularies",
    "word_vectors",
    "words",
]
