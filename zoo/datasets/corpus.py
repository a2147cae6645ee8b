"""What the kinds of data share: a corpus in three splits, by its name or from users' files."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar

import numpy as np

from zoo.datasets import corpora
from zoo.datasets.corpora.packaged import SPLITS
from zoo.errors import UserError

if TYPE_CHECKING:  # which takes seconds, and whoever reads files of their own does without it
    from tensorflow_datasets.core import DatasetBuilder

Builder: TypeAlias = "DatasetBuilder"
CARVED = 10  # one in so many distinct examples is set aside for a split that is not given


@dataclass(frozen=True)
class Examples:
    """What a split is: columns with an entry for each example, or None.

    A column is a list, a tuple or an array, or gives one of its kind for an array of indices.
    """

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    @property
    def amount(self) -> str:
        """How much it is, for a person."""
        return f"{len(self):,}"

    def take(self, indices: Sequence[int] | np.ndarray) -> Self:
        """The examples of these indices, in their order."""
        columns = {column.name: getattr(self, column.name) for column in fields(self)}
        return replace(self, **{name: _taken(own, indices) for name, own in columns.items()})


E = TypeVar("E", bound=Examples)


@dataclass(frozen=True)
class Corpus(Generic[E]):
    """A corpus in its three splits, with what a model card says of it."""

    name: str
    train: E
    validation: E
    test: E
    description: str = ""
    homepage: str = ""
    licence: str = ""
    citation: str = ""


C = TypeVar("C", bound=Corpus)


class Kind(ABC, Generic[E, C]):
    """A kind of data; its module offers `load`, `from_files`, `from_file` and `carve` as functions.

    A subclass says which corpora of TensorFlow Datasets are of the kind, how a split and a file are
    read, and how a part is set aside.
    """

    name: str  # of its module
    corpus: type[C]
    labels: str | None = None  # what its corpora call the names of labels, if it has such
    too_small = "too few examples to set a {} split aside: add some, or give a file for each split"

    @property
    def packaged(self) -> tuple[str, ...]:  # the names of the packaged corpora
        return corpora.packaged_names(self.name)

    def load(self, name: str | None = None, *, limit: int | None = None) -> C:
        """Loads a corpus by name, downloading and preparing it on first use.

        A validation or test split that the corpus lacks, or whose labels are hidden (negative), is
        set aside from the training split: see `carve`.

        Args:
            name: a packaged corpus, the first of its kind by default, or any TensorFlow Datasets
                name ("glue/sst2") whose features are of the kind.
            limit: keep so many examples of each split, drawn once and for all; of plain text so
                many characters, the first ones.

        Raises:
            UserError: the name is unknown or of another kind, has no training split, or cannot be
                prepared, for want of a network for example; or the limit leaves nothing.
        """
        name = self.packaged[0] if name is None else name
        return self._load(name, self._builder(name), limit)

    def from_files(
        self,
        train: str | Path,
        validation: str | Path | None = None,
        test: str | Path | None = None,
        *,
        limit: int | None = None,
    ) -> C:
        """Reads users' files; of what form they are the class says.

        The labels or tags are those of the training file. A file that is not given is replaced by a
        part of the training file: see `carve`. `limit` keeps so much of each split, as in `load`.

        Raises:
            UserError: a file cannot be read, the training file has nothing to learn or too little
                to set a part aside, or another file has labels that it does not have.
        """
        paths = {"validation": validation, "test": test}
        others = {split: path for split, path in paths.items() if path is not None}
        given, labels = self._read_files(train, others)
        more = {} if self.labels is None else {self.labels: labels}
        return self._in_three_splits(Path(train).absolute().name, given, limit, **more)

    def from_file(
        self, path: str | Path, labels: Sequence[str] | None = None, *, limit: int | None = None
    ) -> E:
        """Reads one file, for example to evaluate a model on it; of what form it is the class says.

        Args:
            path: the file.
            labels: those or tags that a model knows, in the order of its outputs; None to take any.
            limit: keep so much of it, as `load` does.

        Raises:
            UserError: the file cannot be read, or has other labels; the message names their lines.
        """
        return self._limited(self._read_file(path, labels), limit)

    @abstractmethod
    def carve(self, data: E) -> tuple[E, E]:
        """The remainder and the tenth that is set aside, which follow from the examples alone."""

    @abstractmethod
    def _keys(self, builder: Builder) -> tuple[str, ...]:
        """Names of the features to read; UserError if the corpus is of another kind."""

    @abstractmethod
    def _read(
        self, builder: Builder, split: str, keys: tuple[str, ...], enough: int | None
    ) -> E | None:
        """A split, or the first of it, at least `enough`; None if its labels are hidden."""

    @abstractmethod
    def _read_file(self, path: str | Path, labels: Sequence[str] | None) -> E:
        """The examples of a file, whole."""

    def _builder(self, name: str) -> Builder:
        return corpora.tensorflow_datasets.find_builder(name, self.packaged)

    def _labels(self, builder: Builder, keys: tuple[str, ...]) -> tuple[str, ...] | None:
        return None  # a corpus without labels or tags

    def _read_training_file(self, path: str | Path) -> tuple[E, tuple[str, ...] | None]:
        return self._read_file(path, None), None  # with the names of labels or tags, if any

    def _read_files(
        self, train: str | Path, others: Mapping[str, str | Path]
    ) -> tuple[dict[str, E], tuple[str, ...] | None]:
        data, labels = self._read_training_file(train)
        read = {split: self._read_file(path, labels) for split, path in others.items()}
        return {"train": data, **read}, labels

    def _read_splits(
        self, builder: Builder, present: dict[str, str], keys: tuple[str, ...], limit: int | None
    ) -> Mapping[str, E | None]:
        # TFDS has shuffled the examples, so that the first are as good as any others; but to set a
        # part of them aside, one must see all.
        enough = limit if len(present) == len(SPLITS) else None
        return {split: self._read(builder, own, keys, enough) for split, own in present.items()}

    def _load(self, name: str, builder: Builder, limit: int | None) -> C:
        keys = self._keys(builder)
        present = corpora.tensorflow_datasets.prepare_splits(builder, self.packaged)
        given = self._read_splits(builder, present, keys, limit)
        known = {split: data for split, data in given.items() if data is not None}
        if "train" not in known:
            raise UserError(
                f"the dataset '{name}' has no split named 'train'"
                + (" whose labels are told" if "train" in given else "")
            )
        more = {} if self.labels is None else {self.labels: self._labels(builder, keys)}
        card = corpora.tensorflow_datasets.card_fields(builder)
        return self._in_three_splits(name, known, limit, **more, **card)

    def _in_three_splits(self, name: str, given: dict[str, E], limit: int | None, **more: Any) -> C:
        """The corpus; splits that are not given are set aside from the training split."""
        for split in ("test", "validation"):
            if split not in given:
                given["train"], given[split] = self.carve(given["train"])
                if not len(given[split]):
                    raise UserError(f"{name}: {self.too_small.format(split)}")
        train, validation, test = (self._limited(given[split], limit) for split in SPLITS)
        return self.corpus(name, train, validation, test, **more)

    def _limited(self, data: E, limit: int | None) -> E:
        """The first `limit` after a shuffle that is always the same; all, if it is None."""
        if limit is None:
            return data
        if limit < 1:
            raise UserError(f"a limit of {limit} leaves no example: give 1 or more")
        return data.take(np.random.default_rng(0).permutation(len(data))[:limit])


def _taken(column: Any, indices: Sequence[int] | np.ndarray) -> Any:
    if isinstance(column, list | tuple):
        return type(column)(column[i] for i in indices)
    return column if column is None else column[indices]


def lowest_tenth(keys: Iterable[bytes], sizes: Mapping[bytes, int] | None = None) -> list[bytes]:
    """Of the distinct keys the tenth whose CRC-32 is lowest, rounded up; none of a single one.

    If they have sizes, it is a tenth of these; a key that would make it more is passed over.
    """
    distinct = sorted(set(keys), key=lambda key: (zlib.crc32(key), key))
    size = dict.fromkeys(distinct, 1) if sizes is None else sizes
    room = -(-sum(size[key] for key in distinct) // CARVED) if len(distinct) > 1 else 0
    chosen = []
    for key in distinct:
        if size[key] <= room:
            room -= size[key]
            chosen.append(key)
    return chosen


def parted(data: E, aside: Iterable[bool]) -> tuple[E, E]:
    """The examples that are not `aside`, and those that are, both in the order of `data`."""
    chosen = np.fromiter(aside, dtype=bool)
    return data.take(np.flatnonzero(~chosen)), data.take(np.flatnonzero(chosen))
