"""The names of the packaged corpora; nothing is imported, so that they can be listed at once."""

from typing import NamedTuple

SPLITS = ("train", "validation", "test")


class Packaged(NamedTuple):
    """A packaged corpus: the module of `zoo.datasets` that loads it, and what it holds."""

    kind: str
    contents: str


PACKAGED = {
    "movie_snippets": Packaged(
        "text_classification", "10,070 English sentences from movie reviews, negative or positive"
    ),
    "conll2003_english": Packaged(
        "sequence_tagging",
        "20,744 English news sentences with their persons, places and other names",
    ),
    "shakespeare": Packaged(
        "plain_text", "42 plays and books of poems by Shakespeare, 5.05 million characters"
    ),
    "dates": Packaged(
        "parallel_text", "46,000 dates as written in twenty locales, with their ISO 8601 form"
    ),
    "bible_en_fr": Packaged(
        "parallel_text", "30,635 verses of the Bible in English and French, 11,191 of them short"
    ),
    "bach_chorales": Packaged(
        "music", "361 chorales in four parts by Bach, on a grid of sixteenths"
    ),
    "libras": Packaged(
        "video", "330 paths of a signing hand, tracked in videos, of 15 movements, drawn as frames"
    ),
    "gun_point": Packaged(
        "video", "200 tracks of a hand that draws a gun or points a finger, from videos"
    ),
    "splice_junctions": Packaged(
        "dna", "3,004 windows of primate DNA: from exon to intron, the reverse, or neither"
    ),
    "gene_families": Packaged(
        "dna", "3,629 coding sequences of human genes, of seven families of proteins"
    ),
    "free_spoken_digits": Packaged(
        "speech", "9,000 utterances of one to seven English digits, joined from 3,000 clips"
    ),
}
"""The packaged corpora by name."""


def packaged_names(kind: str) -> tuple[str, ...]:
    """The names of the packaged corpora that a module of `zoo.datasets` loads."""
    return tuple(name for name, corpus in PACKAGED.items() if corpus.kind == kind)
