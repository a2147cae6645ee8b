from . import (
    bach_chorales,
    bible_en_fr,
    conll2003_english,
    dates,
    gun_point,
    libras,
    movie_snippets,
    package_index,
    shakespeare,
    tensorflow_datasets,
)
from .packaged import PACKAGED, packaged_names

__all__ = [
    "PACKAGED",
    "bach_chorales",
    "bible_en_fr",
    "conll2003_english",
    "dates",
    "gun_point",
    "libras",
    "movie_snippets",
    "package_index",
    "packaged_names",
    "shakespeare",
    "tensorflow_datasets",
]
