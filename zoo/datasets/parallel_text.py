"""Texts and their translations: a packaged corpus, a TensorFlow Datasets name, or users' files."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from zoo.datasets.corpora import of_kind, tensorflow_datasets
from zoo.datasets.readers.tables import read_text
from zoo.datasets.splits import CARVED, SPLITS, completed, limited, parted
from zoo.errors import UserError
from zoo.text.normalization import tidy

PACKAGED = of_kind("parallel_text")

_GROUPS = {"dates": "locale"}  # the features that tell pairs apart


@dataclass(frozen=True)
class Pairs:
    """Source texts and, for each, the target text; neither is blank.

    `groups`, where a corpus has them, name what each pair belongs to, for figures of each group:
    the locale of a date.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    groups: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.sources)

    def take(self, indices: Sequence[int] | np.ndarray) -> "Pairs":
        columns = (self.sources, self.targets, self.groups)
        return Pairs(*(column and tuple(column[i] for i in indices) for column in columns))


@dataclass(frozen=True)
class ParallelData:
    """A corpus in its three splits, with what a model card says of it."""

    name: str
    train: Pairs
    validation: Pairs
    test: Pairs
    description: str = ""
    homepage: str = ""
    licence: str = ""
    citation: str = ""


def load(
    name: str = "dates", *, limit: int | None = None, locales: Sequence[str] | None = None
) -> ParallelData:
    """Loads a corpus by name, downloading and preparing it on first use.

    Texts are `tidy`; a pair with a blank side is passed over, for nobody can mend a published
    corpus. A validation or test split that the corpus lacks is set aside from the training split:
    see `carve`.

    Args:
        name: a packaged corpus, or any TensorFlow Datasets name ("ted_hrlr_translate/pt_to_en",
            "wmt14_translate/fr-en") of texts in two languages. The direction is that of its
            supervised pair.
        limit: keep so many pairs of each split, always the same ones.
        locales: of "dates": the locales to write them in, instead of the usual twenty.

    Raises:
        UserError: the name is unknown, has not two texts or no training split, or cannot be
            prepared, for want of a network for example; a locale is unknown.
    """
    builder = _builder(name, locales)
    source, target = _two_texts(builder)
    keys = (source, target, *([group] if (group := _GROUPS.get(builder.name)) else []))
    tensorflow_datasets.prepare(builder, PACKAGED)
    present = tensorflow_datasets.splits(builder)
    if "train" not in present:
        raise UserError(f"the dataset '{name}' has no split named 'train'")
    # TFDS has shuffled the examples, so that the first are as good as any others; but to set a part
    # of them aside, one must see all.
    enough = limit if len(present) == len(SPLITS) else None
    given = {split: _read(builder, own, keys, enough) for split, own in present.items()}
    given = completed(given, carve, limit, name)
    return ParallelData(name, **given, **tensorflow_datasets.about(builder))


def from_files(
    train: str | Path,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    *,
    limit: int | None = None,
) -> ParallelData:
    """Reads users' files of pairs: see `from_file`.

    A file that is not given is replaced by a part of the training file: see `carve`.

    Raises:
        UserError: a file cannot be read, or the training file has too few pairs to set some aside.
    """
    paths = {"train": train, "validation": validation, "test": test}
    given = {split: from_file(path) for split, path in paths.items() if path is not None}
    name = Path(train).name
    return ParallelData(name, **completed(given, carve, limit, name))


def from_file(path: str | Path, *, limit: int | None = None) -> Pairs:
    """Reads one file of pairs: on each line a source text, a tab, and its target text.

    Args:
        path: UTF-8 without a header, gzipped if its name ends in `.gz`. Lines may end as on any
            system; blank ones are passed over. Texts are made `tidy`.
        limit: keep so many pairs, always the same ones.

    Raises:
        UserError: the file is missing, blank, binary or not UTF-8; a line has no tab or several, or
            nothing on one side of it. The message names the line.
    """
    sources, targets = [], []
    # Line feeds end a line, of Windows too: str.splitlines would break at others within a text.
    for number, line in enumerate(read_text(path).replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
            continue
        columns = line.split("\t")
        if len(columns) != 2:
            hint = "keep these two (cut -f 1,2)" if len(columns) > 2 else "put a tab between them"
            raise UserError(
                f"{path}: line {number} has {len(columns) - 1 or 'no'} tabs where one stands "
                f"between the source text and the target text: {hint}"
            )
        source, target = map(tidy, columns)
        if not source or not target:
            side = "target" if source else "source"
            raise UserError(f"{path}: line {number} has no {side} text: give it one, or drop it")
        sources.append(source)
        targets.append(target)
    if not sources:
        raise UserError(f"{path}: there is no pair, only white space")
    return limited(Pairs(tuple(sources), tuple(targets)), limit)


def carve(data: Pairs) -> tuple[Pairs, Pairs]:
    """Sets a tenth aside: the distinct sources whose CRC-32 is lowest, rounded up.

    It depends on nothing but the sources, and puts equal ones on one side, so that none is tested
    that has been trained on.

    Returns:
        (the remainder, the part set aside), both in the order of `data`.
    """
    sources = sorted(set(data.sources), key=lambda text: (zlib.crc32(text.encode()), text))
    aside = set(sources[: -(-len(sources) // CARVED) if len(sources) > 1 else 0])
    return parted(data, [source in aside for source in data.sources])


def _builder(name: str, locales: Sequence[str] | None) -> tfds.core.DatasetBuilder:
    if locales is None:
        return tensorflow_datasets.builder(name, PACKAGED)
    if name != "dates":
        raise UserError(f"the dataset '{name}' has no locales to choose from: only 'dates' has")
    from zoo.datasets.corpora.dates import Dates  # here, since other corpora do without Babel

    return Dates.of(locales)


def _two_texts(builder: tfds.core.DatasetBuilder) -> tuple[str, str]:
    """Names of the source and target features: the supervised pair, else the only two texts."""
    features = builder.info.features
    keys = builder.info.supervised_keys or tuple(features)
    texts = dict.fromkeys(key for key in keys if isinstance(features[key], tfds.features.Text))
    if len(texts) != 2:
        raise UserError(
            f"the dataset '{builder.name}' is not a text with its translation; "
            f"it has {tensorflow_datasets.described(features)}"
        )
    return tuple(texts)


def _read(
    builder: tfds.core.DatasetBuilder, split: str, keys: tuple[str, ...], enough: int | None
) -> Pairs:
    """The pairs of a split, or the first of them, at least `enough`."""
    rows = []
    examples = builder.as_dataset(split=split).map(lambda e: tuple(e[key] for key in keys))
    for some in examples.batch(1024).as_numpy_iterator():
        # TFDS does not promise UTF-8, and nobody can mend a stray byte of a published corpus.
        columns = [[tidy(text.decode(errors="replace")) for text in column] for column in some]
        rows += [row for row in zip(*columns, strict=True) if row[0] and row[1]]
        if enough is not None and len(rows) >= enough:
            break
    if not rows:
        raise UserError(f"the dataset '{builder.name}' has no pair in its split '{split}'")
    return Pairs(*zip(*rows, strict=True))
