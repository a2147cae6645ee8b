"""Tracks of a hand that draws a gun or points a finger."""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from zoo.datasets.corpora import package_index
from zoo.datasets.corpora.builder import Examples, PackagedBuilder

LABELS = ("gun", "point")

_PACKAGE = {
    "project": "aeon",
    "filename": "aeon-1.6.0-py3-none-any.whl",
    "sha256": "d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409",
}
_MEMBERS = {
    split: f"aeon/datasets/data/GunPoint/GunPoint_{split.upper()}.ts" for split in ("train", "test")
}


def read_tracks(split: str) -> list[tuple[np.ndarray, int]]:
    """The tracks of train or test, (150, 1) float32, each with the index of its label.

    UserError if the package that holds them cannot be fetched (`package_index.fetch`).
    """
    path = package_index.fetch(**_PACKAGE)
    lines = package_index.read_member(path, _MEMBERS[split]).decode().splitlines()
    rows = (line.rsplit(":", 1) for line in lines if line and line[0] not in "#@")
    return [(np.array(track.split(","), "float32")[:, None], int(at) - 1) for track, at in rows]


class GunPoint(PackagedBuilder):
    """200 tracks of the right hand of two people who draw a gun or point with a finger.

    The hands go from the hip to the target, stay for about a second and return. Features: `clip`,
    (150, 1), the horizontal place of the middle of the hand in each of 150 frames, brought to mean
    0 and standard deviation 1 for each track; `label`, gun or point. The tracks lie inside the
    wheel of aeon 1.6.0, from where they are read. Splits are those of the UCR archive, 50 to train
    on and 150 for the test; both people are in both.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "aeon 1.6.0."}
    FEATURES: ClassVar = {
        "clip": tfds.features.Tensor(shape=(None, 1), dtype=np.float32),
        "label": tfds.features.ClassLabel(names=LABELS),
    }
    SUPERVISED = ("clip", "label")
    HOMEPAGE = "https://www.timeseriesclassification.com/description.php?Dataset=GunPoint"
    LICENCE = "BSD 3-clause (the package); of the UCR archive, whose authors ask to be cited"
    CITATION = """@article{dau2019ucr,
  title = {The {UCR} Time Series Archive},
  author = {Dau, Hoang Anh and Bagnall, Anthony and Kamgar, Kaveh and Yeh, Chin-Chia Michael and
    Zhu, Yan and Gharghabi, Shaghayegh and Ratanamahatana, Chotirat Ann and Keogh, Eamonn},
  journal = {{IEEE/CAA} Journal of Automatica Sinica},
  volume = {6},
  number = {6},
  pages = {1293--1305},
  year = {2019},
}"""

    def _splits(self) -> dict[str, list[tuple[np.ndarray, int]]]:
        return {split: read_tracks(split) for split in _MEMBERS}

    def _generate_examples(self, part: Iterable[tuple[np.ndarray, int]]) -> Examples:
        for key, (track, label) in enumerate(part):
            yield key, {"clip": track, "label": label}
