"""Corpora, readers of users' files, and batching by length.

Nothing is imported here, so that the names below can be listed at once; each corpus registers with
TensorFlow Datasets when its module, `zoo.datasets.NAME`, is imported.
"""

import importlib

PACKAGED = {
    "movie_snippets": "10,070 English sentences from movie reviews, negative or positive",
    "conll2003_english": "20,744 English news sentences with their persons, places and other names",
    "shakespeare": "42 plays and books of poems by Shakespeare, 5.05 million characters",
    "dates": "46,000 dates as written in twenty locales, with their ISO 8601 form",
    "bible_en_fr": "30,635 verses of the Bible in English and French, 11,191 of them short",
    "bach_chorales": "361 chorales in four parts by Bach, on a grid of sixteenths",
}
"""Corpora that need nothing but the package index: name and what they hold."""

_SUBMODULES = {
    "batching",
    "music",
    "parallel_text",
    "plain_text",
    "sequence_tagging",
    "streams",
    "text_classification",
    "transpositions",
}


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"zoo.datasets.{name}")
    raise AttributeError(f"module 'zoo.datasets' has no attribute {name!r}")
