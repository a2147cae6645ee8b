"""Scores to learn composing from: a packaged corpus, or users' files of MIDI, MusicXML or JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo import music
from zoo.datasets.corpus import Builder, Corpus, Examples, Kind, lowest_tenth, parted
from zoo.datasets.readers import chord_lists
from zoo.datasets.readers.folders import find_files, read_most
from zoo.datasets.readers.tables import quoted
from zoo.errors import UserError
from zoo.music import Score

# The modules of `zoo.music` that read a file of one piece, by the end of its name; a file of many
# ends in .json.
_READERS = dict.fromkeys((".mid", ".midi"), "midi")
_READERS |= dict.fromkeys((".musicxml", ".mxl", ".xml"), "musicxml")
SUFFIXES = tuple(_READERS)

_WHY_NOT = {
    "groove": "it holds drums, which have no pitch",
    "maestro": "it holds piano playing without a beat",
}


@dataclass(frozen=True)
class Scores(Examples):
    """Pieces of one kind: all have so many voices, on one grid, ranked or not."""

    pieces: tuple[Score, ...]

    @property
    def steps(self) -> int:
        """The length of all pieces together, in steps of the grid."""
        return sum(map(len, self.pieces))

    @property
    def reduced(self) -> int:
        """So many notes of the sources were left out: see `zoo.music.Score`."""
        return sum(piece.reduced for piece in self.pieces)


MusicData = Corpus[Scores]


class Music(Kind[Scores, MusicData]):
    """Packaged corpora of scores; no other corpus of TensorFlow Datasets holds any.

    A path may be a file of one piece: MIDI (.mid, .midi) or MusicXML (.musicxml, .xml, .mxl); a
    folder, of which all such files are read that can be, those of its folders too, by their paths;
    or a JSON file of pieces (`readers.chord_lists`). The splits of a JSON file are used where no
    other file is given for them. Files that cannot be read are left out, which is logged
    (`readers.folders.read_most`).

    All pieces get the same number of voices: a piece with more keeps the upper ones, and one with
    fewer rests in the lower ones. Chords of JSON are not mixed with the parts of other files.

    Args:
        voices: their number; by default that which most of the training pieces have, the greater of
            two that are equally frequent, and of JSON the most notes at once.
    """

    name = "music"
    corpus = MusicData

    def __init__(self, voices: int | None = None) -> None:
        self.voices = voices

    def carve(self, data: Scores) -> tuple[Scores, Scores]:
        """Sets a tenth aside: the distinct pieces whose CRC-32 is lowest, rounded up.

        Pieces that are equal up to transposition are on one side.
        """
        prints = [piece.fingerprint() for piece in data.pieces]
        aside = set(lowest_tenth(prints))
        return parted(data, [notes in aside for notes in prints])

    def _builder(self, name: str) -> Builder:
        base = name.partition("/")[0]
        if base not in _WHY_NOT:
            builder = super()._builder(name)  # which refuses unknown names
        if base not in self.packaged:
            reason = _WHY_NOT.get(base, "it does not hold pitches on a grid in time")
            raise UserError(
                f"the dataset '{name}' is no corpus of scores, {reason}: give a packaged corpus "
                f"({', '.join(self.packaged)}), or MIDI or MusicXML files of your own with --data"
            )
        return builder

    def _keys(self, builder: Builder) -> tuple[str, ...]:
        return ()

    def _read(
        self, builder: Builder, split: str, keys: tuple[str, ...], enough: int | None
    ) -> Scores:
        pieces = []
        for e in builder.as_dataset(split=split).as_numpy_iterator():
            key, name = e["key"].decode(), e["name"].decode()
            score = Score(e["pitches"], e["onsets"], 4, e["positions"], key, name)
            pieces.append(score.in_voices(self.voices or score.voices))
        return Scores(tuple(pieces))

    def _read_file(self, path: str | Path, labels: Sequence[str] | None) -> Scores:
        return _of_one_kind({"test": _one_split(Path(path), "test")}, self.voices)["test"]

    def _read_files(
        self, train: str | Path, others: Mapping[str, str | Path]
    ) -> tuple[dict[str, Scores], None]:
        given = _own_splits(Path(train))
        if "train" not in given:
            raise UserError(f"{train}: there is no split 'train'; it has {quoted(given)}")
        given |= {split: _one_split(Path(path), split) for split, path in others.items()}
        return _of_one_kind(given, self.voices), None


def _one_split(path: Path, split: str) -> Scores:
    """The pieces of a path; of a JSON file with several splits, those of the one named."""
    found = _own_splits(path)
    if split not in found and set(found) != {"train"}:
        raise UserError(f"{path}: there is no split '{split}'; it has {quoted(found)}")
    return found[split if split in found else "train"]


def _own_splits(path: Path) -> dict[str, Scores]:
    """The splits of a JSON file that tells them; else all pieces, as the training split."""
    if path.is_dir():
        return {"train": _read_folder(path)}
    if path.suffix.lower() == ".json":
        splits = chord_lists.read(path)
        return {split: Scores(tuple(pieces)) for split, pieces in splits.items()}
    return {"train": Scores((read_score(path),))}


def read_score(path: str | Path, steps_per_quarter: int = 4) -> Score:
    """Reads a file of one piece, MIDI or MusicXML, by the end of its name.

    A UserError says that it is missing, damaged, of another form or without notes.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: there is no such file or folder")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(
            f"{path}: the name must end in {', '.join(SUFFIXES)} or .json, for it tells the format"
        )
    return getattr(music, reader).read(path, steps_per_quarter)


def _read_folder(folder: Path) -> Scores:
    """The pieces of all files of a folder and its folders, by path; hidden files are none.

    A file that cannot be read is left out, which is logged; if most cannot, it is an error.
    """
    paths = find_files(folder, SUFFIXES)
    if not paths:
        raise UserError(f"{folder}: there is no file of music in it: {', '.join(SUFFIXES)}")
    return Scores(tuple(piece for _, piece in read_most(paths, read_score)))


def _of_one_kind(given: dict[str, Scores], voices: int | None) -> dict[str, Scores]:
    """The splits, the first being the one to learn from, with as many voices in each piece."""
    pieces = [piece for scores in given.values() for piece in scores.pieces]
    for other in pieces[1:]:
        if _kind(other) != _kind(pieces[0]):
            raise UserError(
                f"the pieces must be of one kind, but {pieces[0].name} has {_kind(pieces[0])} "
                f"and {other.name} has {_kind(other)}: give one of the kinds only"
            )
    if voices is None:
        first = next(iter(given.values())).pieces
        counts = Counter(piece.voices for piece in first)
        voices = max(counts, key=lambda number: (counts[number], number))
        if pieces[0].ranked:
            voices = max(piece.voices for piece in pieces)
    return {
        split: Scores(tuple(piece.in_voices(voices) for piece in scores.pieces))
        for split, scores in given.items()
    }


def _kind(score: Score) -> str:
    what = "unordered notes" if score.ranked else "voices"
    return f"{what}, with {score.steps_per_quarter} steps to a quarter note"


def load(
    name: str | None = None, *, limit: int | None = None, voices: int | None = None
) -> MusicData:
    """Loads a corpus by name: see `Kind.load`, and `voices` of `Music`."""
    return Music(voices).load(name, limit=limit)


def from_files(
    train: str | Path,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    *,
    limit: int | None = None,
    voices: int | None = None,
) -> MusicData:
    """Reads users' files: see `Kind.from_files` and `Music`."""
    return Music(voices).from_files(train, validation, test, limit=limit)


def from_file(
    path: str | Path,
    labels: Sequence[str] | None = None,
    *,
    limit: int | None = None,
    voices: int | None = None,
) -> Scores:
    """Reads one path: see `Kind.from_file` and `Music`; nothing has labels here."""
    return Music(voices).from_file(path, labels, limit=limit)


carve = Music().carve
