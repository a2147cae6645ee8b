"""Chorales by Johann Sebastian Bach, to learn four-part harmony from."""

import difflib
import itertools
import zipfile
import zlib
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from rich.console import Console
from rich.progress import track

from zoo.datasets.corpora import package_index
from zoo.datasets.corpora.builder import Examples, PackagedBuilder
from zoo.datasets.corpora.packaged import SPLITS
from zoo.music import Score, musicxml
from zoo.music.score import MOST_VOICES

_PACKAGE = {
    "project": "music21",
    "filename": "music21-10.5.1-py3-none-any.whl",
    "sha256": "dc3309498c4c95cebdf8d4f20c868deb6b63bce1d929cad4f51a7ccc982987b1",
}
_FOLDER = "music21/corpus/bach/"
_OPENING = 40  # intervals of a tune that are compared
_ALIKE = 0.7  # from there on they are taken for one tune


def read_chorales() -> list[Score]:
    """The four-part chorales by the names of their files, each once: see `BachChorales`.

    UserError if the package that holds them cannot be fetched (`package_index.fetch`).
    """
    with zipfile.ZipFile(package_index.fetch(**_PACKAGE)) as archive:
        contents = {
            name.removeprefix(_FOLDER).removesuffix(".mxl"): archive.read(name)
            for name in sorted(archive.namelist())
            if name.startswith(_FOLDER) and name.endswith(".mxl")
        }
    console = Console(stderr=True)
    shown: dict[str, Any] = {
        "console": console,
        "transient": True,
        "disable": not console.is_terminal,
    }
    distinct: dict[bytes, Score] = {}
    for name, content in track(contents.items(), "Reading chorales", **shown):
        if musicxml.number_of_parts(content, name) == MOST_VOICES:
            score = musicxml.parse(content, f"{name}.mxl")
            distinct.setdefault(score.fingerprint(), score)
    return list(distinct.values())


def split_by_tune(scores: list[Score]) -> dict[str, list[Score]]:
    """Pieces by split, all that set one tune being in the same: see `BachChorales`."""
    splits: dict[str, list[Score]] = {split: [] for split in SPLITS}
    for score, first in zip(scores, _first_with_the_tune(scores), strict=True):
        share = zlib.crc32(scores[first].name.encode()) % 10
        splits[{0: "test", 1: "validation"}.get(share, "train")].append(score)
    return splits


def _first_with_the_tune(scores: list[Score]) -> list[int]:
    """For each piece, the first one that sets the same tune."""
    openings = [_openings(score) for score in scores]
    first = list(range(len(scores)))
    for later, earlier in itertools.combinations(reversed(range(len(scores))), 2):
        joined = {first[later], first[earlier]}
        if len(joined) == 2 and any(map(_alike, openings[earlier], openings[later])):
            first = [min(joined) if one in joined else one for one in first]
    return first


def _openings(score: Score) -> list[list[int]]:
    """The first intervals of the soprano from note to note, and from beat to beat."""
    beats = score.pitches[score.positions % score.steps_per_quarter == 0, 0]
    lines = ([note.pitch for note in score.notes(0)], beats[beats > 0])
    return [np.diff(line)[:_OPENING].tolist() for line in lines]


def _alike(one: list[int], other: list[int]) -> bool:
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    bounds = (matcher.real_quick_ratio, matcher.quick_ratio)  # cheap upper bounds of the ratio
    return all(bound() >= _ALIKE for bound in bounds) and matcher.ratio() >= _ALIKE


class BachChorales(PackagedBuilder):
    """361 chorales in four parts by Johann Sebastian Bach, 78,648 steps of a sixteenth.

    The pieces in four parts of the music21 corpus, which lie inside the wheel of music21 10.5.1,
    from where they are read. Features: `name`, that of the file, from the number in the catalogue
    of Bach's works; `key`, one of the 24, by the key signature and the mode that the encoder gave,
    also where an old mode or a last chord would allow another name (the bass of 83 pieces ends on
    another note than the tonic); `pitches` (steps, 4), MIDI numbers of soprano, alto, tenor and
    bass, 0 in rests; `onsets` (steps, 4), whether a note begins; and `positions` (steps,),
    sixteenths since the bar line. Fermatas, words and repeats are left out; five notes are too
    short for the grid. Two pieces with the pitches of another, transposed or not, are left out.

    A tune that Bach set several times is in one split only: pieces are taken for settings of one
    tune if the first 40 intervals of their sopranos, from note to note or from beat to beat, are
    alike by 0.7 (`difflib.SequenceMatcher.ratio`), which leaves 214 tunes. The CRC-32 of the name
    of its first piece tells the split of a tune, 8 : 1 : 1, so that 287 pieces (62,580 steps) are
    to train on, 35 (7,484) for validation and 39 (8,584) for the test.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "music21 10.5.1."}
    FEATURES: ClassVar = {
        "name": tfds.features.Text(),
        "key": tfds.features.Text(),
        "pitches": tfds.features.Tensor(shape=(None, MOST_VOICES), dtype=np.int16),
        "onsets": tfds.features.Tensor(shape=(None, MOST_VOICES), dtype=np.bool_),
        "positions": tfds.features.Tensor(shape=(None,), dtype=np.int16),
    }
    HOMEPAGE = "https://www.music21.org"
    LICENCE = (
        "Public domain (the music); the encodings are by permission of their authors in "
        "the corpus of music21, whose code is under the BSD 3-clause licence"
    )
    CITATION = """@inproceedings{cuthbert2010music21,
  title = {music21: A Toolkit for Computer-Aided Musicology and Symbolic Music Data},
  author = {Cuthbert, Michael Scott and Ariza, Christopher},
  booktitle = {Proceedings of the 11th International Society for Music Information Retrieval
    Conference},
  pages = {637--642},
  year = {2010},
}"""

    def _splits(self) -> dict[str, list[Score]]:
        return split_by_tune(read_chorales())

    def _generate_examples(self, part: Iterable[Score]) -> Examples:
        for score in part:
            yield score.name, {name: getattr(score, name) for name in self.FEATURES}
