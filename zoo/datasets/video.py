"""Clips with one label each: a packaged corpus, a TensorFlow Datasets name, or users' videos."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zoo.datasets import corpora
from zoo.datasets.corpus import Builder, Corpus, Examples, Kind, parted
from zoo.datasets.labels import (
    keys_of_labelled,
    label_indices,
    label_names,
    tenth_of_each,
    with_labels,
)
from zoo.datasets.readers.folders import find_files, read_most
from zoo.datasets.readers.tables import SUFFIXES as TABLES
from zoo.datasets.readers.tables import Row, quoted, read_table
from zoo.errors import UserError
from zoo.video import cache, files
from zoo.video.files import Sampling

SAMPLING = Sampling(size=(64, 64), channels=3, frames=32)
"""What is kept of the clips of users and of TensorFlow Datasets, if nothing else is said."""


@dataclass(frozen=True)
class LabelledClips(Examples):
    """Clips and, for each, the index of its label and its name.

    `clips` are (time, height, width, channels) uint8, or paths (time, coordinates) float32: a list,
    or files that are read when they are asked for (`zoo.video.cache.StoredClips`). `labels` is
    (examples,) int32. `names` are those of the files, or of the entries of a corpus.
    """

    clips: Sequence[np.ndarray]
    labels: np.ndarray
    names: list[str]


@dataclass(frozen=True)
class VideoData(Corpus[LabelledClips]):
    """A corpus of labelled clips; `label_names` are in the order of the indices."""

    label_names: tuple[str, ...] = field(kw_only=True)


class _Video(Kind[LabelledClips, VideoData]):
    """Corpora with frames, or with the coordinates of what moves, and a class label ("ucf101").

    A path may be a folder with a folder of videos for each class, whose name is the label; or a
    table, CSV, TSV or JSON Lines (`readers.tables`), with the columns `file`, the path of a video
    from the folder of the table, and `label`. A video that cannot be read is left out, which is
    logged; if most cannot, it is an error. Labels that are integers are in numeric order, other
    ones in alphabetic order. Frames are decoded once, and kept in the folder `clips` of the cache.
    """

    name = "video"
    corpus = VideoData
    labels = "label_names"

    def __init__(self, sampling: Sampling | None = None) -> None:
        self.sampling = sampling

    def carve(self, data: LabelledClips) -> tuple[LabelledClips, LabelledClips]:
        """Sets a tenth aside: of each label the distinct clips with the lowest CRC-32, rounded up.

        It is that of the SHA-256 of type, shape and content. Equal clips are on one side, and each
        label keeps a clip at least.
        """
        return parted(data, tenth_of_each(list(map(fingerprint, data.clips)), data.labels))

    def _keys(self, builder: Builder) -> tuple[str, ...]:
        features = builder.info.features
        clips = [key for key in features if _is_clip(features[key])]
        return keys_of_labelled(builder, clips, "one clip with one class label")

    def _labels(self, builder: Builder, keys: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(builder.info.features[keys[1]].names)

    def _read(
        self, builder: Builder, split: str, keys: tuple[str, ...], enough: int | None
    ) -> LabelledClips | None:
        sampling = self.sampling
        if _coordinates(builder.info.features[keys[0]]):
            if sampling is not None:
                raise UserError(
                    f"the dataset '{builder.name}' has coordinates and no frames: leave their "
                    "size, number and rate out"
                )
        elif sampling is None and builder.name not in self.packaged:
            sampling = SAMPLING
        if sampling is not None and sampling.rate is not None:
            raise UserError(
                f"the dataset '{builder.name}' does not tell the times of frames: give a number of "
                "frames, not their rate"
            )
        clips, labels, names = _read_builder(builder, split, keys, enough, sampling)
        if min(labels, default=0) < 0:
            return None
        return LabelledClips(clips, np.array(labels, np.int32), names)

    def _read_file(self, path: str | Path, labels: Sequence[str] | None) -> LabelledClips:
        return self._read_rows(Path(path), labels)[0]

    def _read_training_file(self, path: str | Path) -> tuple[LabelledClips, tuple[str, ...]]:
        return self._read_rows(Path(path), None)

    def _read_rows(
        self, path: Path, names: Sequence[str] | None
    ) -> tuple[LabelledClips, tuple[str, ...]]:
        """The videos of a folder or table, with the names of their labels."""
        rows = with_labels(path, _listed(path, names))
        label_indices(path, rows, names or label_names(path, rows))  # before hours of decoding
        folder = path if path.is_dir() else path.parent
        read = list(read_most(rows, lambda row: self._frames(folder / row.fields["file"])))
        rows = [row for row, _ in read]
        known = label_names(path, rows) if names is None else tuple(names)
        clips = cache.StoredClips(place for _, place in read)
        labels = label_indices(path, rows, known)
        return LabelledClips(clips, labels, [row.fields["file"] for row in rows]), known

    def _frames(self, path: Path) -> Path:
        """The file with the frames of a video, which is written unless it is there."""
        sampling = self.sampling or SAMPLING
        place = cache.place(path, sampling, _cache())
        return place if place.exists() else cache.keep(files.read(path, sampling), place)


def fingerprint(clip: np.ndarray) -> bytes:
    """A digest of a clip: the same for equal ones, and for no others."""
    head = f"{clip.dtype} {clip.shape} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(clip).tobytes()).digest()


def _listed(path: Path, names: Sequence[str] | None) -> list[Row]:
    """The videos of a folder or table: `file`, from the folder of either, and `label`."""
    if not path.exists():
        raise UserError(f"{path}: there is no such file or folder")
    if not path.is_dir():
        if not any(path.name.lower().endswith((end, f"{end}.gz")) for end in TABLES):
            raise UserError(
                f"{path}: give a folder with a folder of videos for each class, or a table with "
                f"the columns 'file' and 'label' ({', '.join(TABLES)})"
            )
        rows = read_table(path, ("file", "label"))
        return [Row(row.line, {k: v.strip() for k, v in row.fields.items()}) for row in rows]
    found = [file.relative_to(path) for file in find_files(path, files.SUFFIXES)]
    found = [file for file in found if len(file.parts) > 1]
    if not found:
        raise UserError(
            f"{path}: there is no folder with videos in it ({', '.join(files.SUFFIXES)}): make one "
            "for each class"
        )
    classes = sorted({file.parts[0] for file in found})
    if names is None and len(classes) == 1:
        raise UserError(
            f"{path}: there are videos of '{classes[0]}' only: a classifier needs two classes or "
            "more, a folder of each"
        )
    if other := [name for name in classes if names is not None and name not in names]:
        raise UserError(f"{path}: the folder '{other[0]}' is not one of {quoted(names or ())}")
    return [Row(0, {"file": str(file), "label": file.parts[0]}) for file in found]


def _read_builder(
    builder: Builder,
    split: str,
    keys: tuple[str, ...],
    enough: int | None,
    sampling: Sampling | None,
) -> tuple[Sequence[np.ndarray], list[int], list[str]]:
    """Clips, labels and names of a split; with a `sampling` the clips are kept in files."""
    clip, label = keys
    clips, places, labels, names = [], [], [], []
    examples = _examples(builder, split, encoded=clip if sampling else None)
    for number, example in enumerate(examples.take(-1 if enough is None else enough)):
        labels.append(int(example[label]))
        name = example["name"].numpy().decode() if "name" in example else f"{split} {number}"
        names.append(name)
        content = example[clip].numpy()
        if sampling is None:
            clips.append(content)
            continue
        images = content[files.evenly(len(content), sampling.frames)]
        frames = corpora.tensorflow_datasets.decode_frames(images, sampling.size, sampling.channels)
        key = "\0".join(map(str, (builder.data_dir, split, number, sampling)))
        places.append(cache.keep(frames, cache.named(key, _cache())))
    return cache.StoredClips(places) if sampling else clips, labels, names


def _examples(builder: Builder, split: str, encoded: str | None) -> Any:
    """The examples of a split; the frames of `encoded` as the images that they are stored as."""
    decoders = None
    if encoded is not None:
        decoders = {encoded: corpora.tensorflow_datasets.tfds.decode.SkipDecoding()}
    return builder.as_dataset(split=split, decoders=decoders)


def _is_clip(feature: Any) -> bool:
    return type(feature).__name__ == "Video" or _coordinates(feature)


def _coordinates(feature: Any) -> bool:
    shape = getattr(feature, "shape", None)
    known = isinstance(shape, tuple) and len(shape) == 2 and shape[1] is not None
    return (
        type(feature).__name__ == "Tensor"
        and known
        and np.issubdtype(feature.np_dtype, np.floating)
    )


def _cache() -> Path:
    return corpora.package_index.cache_folder() / "clips"


def load(
    name: str | None = None, *, limit: int | None = None, sampling: Sampling | None = None
) -> VideoData:
    """Loads a corpus by name, as `Kind.load` does.

    Args:
        name: a packaged corpus, or a TensorFlow Datasets name ("ucf101").
        limit: keep so many clips of each split.
        sampling: what is kept of the frames; by default all of a packaged corpus, and `SAMPLING` of
            another one. A UserError says that there are no frames, or no times for a rate.
    """
    return _Video(sampling).load(name, limit=limit)


def from_files(
    train: str | Path,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    *,
    limit: int | None = None,
    sampling: Sampling | None = None,
) -> VideoData:
    """Reads users' videos, as `Kind.from_files` does: folders of classes, or tables.

    `sampling` says what is kept of the frames, by default `SAMPLING`.
    """
    return _Video(sampling).from_files(train, validation, test, limit=limit)


def from_file(
    path: str | Path,
    labels: Sequence[str] | None = None,
    *,
    limit: int | None = None,
    sampling: Sampling | None = None,
) -> LabelledClips:
    """Reads one folder or table, as `Kind.from_file` does; `sampling` as in `from_files`."""
    return _Video(sampling).from_file(path, labels, limit=limit)


carve = _Video().carve
