"""Corpora, readers of users' files, and batching by length.

Nothing is imported here, so that the names below can be listed at once; each corpus registers with
TensorFlow Datasets when its module, `zoo.datasets.NAME`, is imported.
"""

PACKAGED = {
    "movie_snippets": "10,070 sentences from movie reviews, negative or positive",
}
"""Corpora that need nothing but the package index: name and what they hold."""
