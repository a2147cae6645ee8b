"""Windows of genomes with a label: the collection Genomic Benchmarks, from its archive."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from zoo.datasets.corpora.builder import Examples, PackagedBuilder

_ARCHIVE = "https://zenodo.org/records/16605299/files/{name}_v0.zip?download=1"
_TWO = ("negative", "positive")
LABELS = {
    "demo_coding_vs_intergenomic_seqs": ("coding_seqs", "intergenomic_seqs"),
    "demo_human_or_worm": ("human", "worm"),
    "drosophila_enhancers_stark": _TWO,
    "dummy_mouse_enhancers_ensembl": _TWO,
    "human_enhancers_cohn": _TWO,
    "human_enhancers_ensembl": _TWO,
    "human_ensembl_regulatory": ("enhancer", "ocr", "promoter"),
    "human_nontata_promoters": _TWO,
    "human_ocr_ensembl": _TWO,
}
"""The labels of each of its corpora."""


class GenomicBenchmarks(PackagedBuilder):
    """Windows of the genomes of humans, mice, flies and worms, by what they are.

    Each configuration is a corpus of the collection. Its archive has a folder for each split,
    `train` and `test`, in these one for each label, and in these a text file for each window.
    Features: `sequence`, and `label`.
    """

    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name=name, description=f"The corpus is {name}, version 0.")
        for name in LABELS
    ]
    SUPERVISED = ("sequence", "label")
    HOMEPAGE = "https://github.com/ML-Bioinfo-CEITEC/genomic_benchmarks"
    LICENCE = "Apache-2.0 (the collection)"
    CITATION = """@article{gresova2023genomic,
  title = {Genomic Benchmarks: A Collection of Datasets for Genomic Sequence Classification},
  author = {Gre{\\v{s}}ov{\\'a}, Katar{\\'i}na and Martinek, Vlastimil and {\\v{C}}ech{\\'a}k, David
    and {\\v{S}}ime{\\v{c}}ek, Petr and Alexiou, Panagiotis},
  journal = {BMC Genomic Data},
  volume = {24},
  pages = {25},
  year = {2023},
}"""

    def _features(self) -> dict[str, Any]:
        labels = tfds.features.ClassLabel(names=LABELS[self.builder_config.name])
        return {"sequence": tfds.features.Text(), "label": labels}

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
        name = self.builder_config.name
        self._folder = Path(dl_manager.download_and_extract(_ARCHIVE.format(name=name))) / name
        return super()._split_generators(dl_manager)

    def _splits(self) -> dict[str, list[Path]]:
        return {split: sorted(self._folder.glob(f"{split}/*/*")) for split in ("train", "test")}

    def _generate_examples(self, part: Iterable[Path]) -> Examples:
        for path in part:
            label = path.parent.name
            yield f"{label}/{path.name}", {"sequence": path.read_text().strip(), "label": label}
