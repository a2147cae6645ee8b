from . import (
    bach_chorales,
    bible_en_fr,
    conll2003_english,
    dates,
    free_spoken_digits,
    gene_families,
    gun_point,
    libras,
    movie_snippets,
    package_index,
    shakespeare,
    splice_junctions,
    tensorflow_datasets,
)
from .packaged import PACKAGED, packaged_names

__all__ = [
    "PACKAGED",
    "bach_chorales",
    "bible_en_fr",
    "conll2003_english",
    "dates",
    "free_spoken_digits",
    "gene_families",
    "gun_point",
    "libras",
    "movie_snippets",
    "package_index",
    "packaged_names",
    "shakespeare",
    "splice_junctions",
    "tensorflow_datasets",
]
