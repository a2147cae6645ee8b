"""Scores to learn composing from: a packaged corpus, or users' files of MIDI, MusicXML or JSON."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from zoo.datasets.corpora import of_kind, tensorflow_datasets
from zoo.datasets.readers import chord_lists
from zoo.datasets.splits import CARVED, SPLITS, completed, limited, parted
from zoo.errors import UserError
from zoo.music import Score, midi, musicxml

PACKAGED = of_kind("music")

_READERS = dict.fromkeys((".mid", ".midi"), midi.read)
_READERS |= dict.fromkeys((".musicxml", ".mxl", ".xml"), musicxml.read)
SUFFIXES = tuple(_READERS)  # of files of one piece; a file of many ends in .json

_WHY_NOT = {
    "groove": "it holds drums, which have no pitch",
    "maestro": "it holds piano playing without a beat",
}


@dataclass(frozen=True)
class Scores:
    """Pieces of one kind: all have so many voices, on one grid, ranked or not."""

    pieces: tuple[Score, ...]

    def __len__(self) -> int:
        return len(self.pieces)

    def take(self, indices: Sequence[int] | np.ndarray) -> "Scores":
        return Scores(tuple(self.pieces[i] for i in indices))

    @property
    def steps(self) -> int:
        """The length of all pieces together, in steps of the grid."""
        return sum(map(len, self.pieces))

    @property
    def reduced(self) -> int:
        """So many notes of the sources were left out: see `zoo.music.Score`."""
        return sum(piece.reduced for piece in self.pieces)


@dataclass(frozen=True)
class MusicData:
    """A corpus in its three splits, with what a model card says of it."""

    name: str
    train: Scores
    validation: Scores
    test: Scores
    description: str = ""
    homepage: str = ""
    licence: str = ""
    citation: str = ""


def load(name: str = "bach_chorales", *, limit: int | None = None) -> MusicData:
    """Loads a packaged corpus by name, fetching and preparing it on first use.

    Args:
        name: of a packaged corpus. No other corpus of TensorFlow Datasets holds scores.
        limit: keep so many pieces of each split, drawn once and for all.

    Raises:
        UserError: it is no corpus of scores, or cannot be prepared, for want of a network for
            example.
    """
    base = name.partition("/")[0]
    if base not in _WHY_NOT:
        builder = tensorflow_datasets.builder(name, PACKAGED)  # which refuses unknown names
    if base not in PACKAGED:
        reason = _WHY_NOT.get(base, "it does not hold pitches on a grid in time")
        raise UserError(
            f"the dataset '{name}' is no corpus of scores, {reason}: give a packaged corpus "
            f"({', '.join(PACKAGED)}), or MIDI or MusicXML files of your own with --data"
        )
    tensorflow_datasets.prepare(builder, PACKAGED)
    given = {split: _read_prepared(builder, split) for split in SPLITS}
    given = {split: limited(scores, limit) for split, scores in given.items()}
    return MusicData(name, **given, **tensorflow_datasets.about(builder))


def from_files(
    train: str | Path,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    *,
    limit: int | None = None,
) -> MusicData:
    """Reads users' scores: see `from_file` for what a path may be.

    The splits of a JSON file are used where no other file is given for them. A split that is still
    missing is set aside from the pieces to train on: see `carve`.

    Raises:
        UserError: a file cannot be read, pieces differ in their kind, or there are too few of them
            to set some aside.
    """
    given = dict(_own_splits(Path(train)))
    if "train" not in given:
        raise UserError(f"{train}: there is no split 'train'; it has {_listed(given)}")
    for split, path in (("validation", validation), ("test", test)):
        if path is not None:
            given[split] = _one_split(Path(path), split)
    given = _of_one_kind(given)
    name = Path(train).resolve().name
    return MusicData(name, **completed(given, carve, limit, name))


def from_file(path: str | Path, *, limit: int | None = None) -> Scores:
    """Reads the pieces of one split, to evaluate a model on them.

    Args:
        path: a file of one piece: MIDI (.mid, .midi) or MusicXML (.musicxml, .xml, .mxl); a folder,
            of which all such files are read, those of its folders too, by their paths; or a JSON
            file of pieces. These are lists of steps, a quarter note each, and a step is the list of
            the MIDI numbers that sound in it, at most four. Lists of pieces by split, {"train":
            [...], "valid": [...], "test": [...]}, give the pieces of "test".
        limit: keep so many pieces, drawn once and for all.

    Raises:
        UserError: a file is missing, damaged, of another form or without notes, or pieces differ
            in their kind.
    """
    scores = _one_split(Path(path), "test")
    return limited(_of_one_kind({"test": scores})["test"], limit)


def carve(data: Scores) -> tuple[Scores, Scores]:
    """Sets a tenth aside: the distinct pieces whose CRC-32 is lowest, rounded up.

    It depends on nothing but the notes, and puts pieces that are equal up to transposition on one
    side.

    Returns:
        (the remainder, the part set aside), both in the order of `data`.
    """
    prints = [piece.fingerprint() for piece in data.pieces]
    distinct = sorted(set(prints), key=lambda notes: (zlib.crc32(notes), notes))
    aside = set(distinct[: -(-len(distinct) // CARVED) if len(distinct) > 1 else 0])
    return parted(data, [notes in aside for notes in prints])


def _one_split(path: Path, split: str) -> Scores:
    """The pieces of a path; of a JSON file with several splits, those of the one named."""
    found = _own_splits(path)
    if split in found:
        return found[split]
    if _is_json(path) and set(found) != {"train"}:
        raise UserError(f"{path}: there is no split '{split}'; it has {_listed(found)}")
    return found["train"]


def _own_splits(path: Path) -> dict[str, Scores]:
    """The splits of a JSON file that tells them; else all pieces, as the training split."""
    if path.is_dir():
        return {"train": _read_folder(path)}
    if _is_json(path):
        splits = chord_lists.read(path)
        return {split: Scores(tuple(pieces)) for split, pieces in splits.items()}
    return {"train": Scores((read_score(path),))}


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def read_score(path: str | Path, steps_per_quarter: int = 4) -> Score:
    """Reads a file of one piece, MIDI or MusicXML, by the end of its name.

    Raises:
        UserError: the file is missing, damaged, of another form or without notes.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: there is no such file or folder")
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise UserError(
            f"{path}: the name must end in {', '.join(SUFFIXES)} or .json, for it tells the format"
        )
    return read(path, steps_per_quarter)


def _read_folder(folder: Path) -> Scores:
    """The pieces of all files of a folder and its folders, by path; hidden files are none."""
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    if not paths:
        raise UserError(f"{folder}: there is no file of music in it: {', '.join(SUFFIXES)}")
    return Scores(tuple(map(read_score, paths)))


def _of_one_kind(given: dict[str, Scores]) -> dict[str, Scores]:
    """The splits, ranked pieces having as many voices as that with the most."""
    pieces = [piece for scores in given.values() for piece in scores.pieces]
    most = max((piece.voices for piece in pieces if piece.ranked), default=0)
    given = {
        split: Scores(tuple(p.padded(most) if p.ranked else p for p in scores.pieces))
        for split, scores in given.items()
    }
    first, *others = (piece for scores in given.values() for piece in scores.pieces)
    for other in others:
        if _kind(other) != _kind(first):
            raise UserError(
                f"the pieces must be of one kind, but {first.name} has {_kind(first)} "
                f"and {other.name} has {_kind(other)}: give one of the kinds only"
            )
    return given


def _kind(score: Score) -> str:
    what = "unordered notes, at most" if score.ranked else "voices:"
    return f"{what} {score.voices}, with {score.steps_per_quarter} steps to a quarter note"


def _read_prepared(builder: tfds.core.DatasetBuilder, split: str) -> Scores:
    return Scores(
        tuple(
            Score(
                pitches=example["pitches"],
                onsets=example["onsets"],
                steps_per_quarter=4,
                positions=example["positions"],
                key=example["key"].decode(),
                name=example["name"].decode(),
            )
            for example in tfds.as_numpy(builder.as_dataset(split=split))
        )
    )


def _listed(names) -> str:
    return ", ".join(f"'{name}'" for name in names)
