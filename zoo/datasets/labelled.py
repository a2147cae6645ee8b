"""What the kinds of data share whose examples have one label each."""

from abc import abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from zoo.datasets import corpora
from zoo.datasets.corpus import Builder, C, E, Kind, lowest_tenth, parted
from zoo.datasets.labels import (
    keys_of_labelled,
    label_indices,
    label_names,
    tell_of_rare,
    with_labels,
)
from zoo.datasets.readers.tables import Row


class LabelledKind(Kind[E, C]):
    """A kind of strings with labels; corpora of TensorFlow Datasets have a text and a class label.

    A subclass says how a file is read to rows with the column `label`, what examples are made of
    them, and which examples must stay together. Labels that are integers are in numeric order,
    other ones in alphabetic order.
    """

    labels = "label_names"
    examples: Callable[[list[str], np.ndarray], E]  # the class of strings and labels
    wanted: str  # of a corpus, in words
    filled: tuple[str, ...] = ("label",)  # the columns that must not be blank in a row

    def carve(self, data: E) -> tuple[E, E]:
        """Sets a tenth aside: of each label the groups whose CRC-32 is lowest.

        A group is what must be on one side, equal strings at least, and has the label of the first
        example of the string that names it. A tenth is of the distinct strings, rounded up; a group
        that would make it more is passed over. Each label keeps a group at least.
        """
        strings, labels = self._labelled(data)
        keys = [string.encode() for string in strings]
        groups = [group.encode() for group in self._groups(strings)]
        label_of = dict(zip(reversed(keys), reversed(labels.tolist()), strict=True))
        sizes: dict[int, Counter[bytes]] = defaultdict(Counter)  # by label and group
        for group in dict(zip(keys, groups, strict=True)).values():
            sizes[label_of[group]][group] += 1
        aside = {group for own in sizes.values() for group in lowest_tenth(own, own)}
        return parted(data, [group in aside for group in groups])

    @abstractmethod
    def _labelled(self, data: E) -> tuple[list[str], np.ndarray]:
        """The strings, and for each the index of its label, (examples,)."""

    def _groups(self, strings: list[str]) -> list[str]:
        """For each string one of its group, the same one for all of them."""
        return strings  # groups of equal ones

    @abstractmethod
    def _rows(self, path: str | Path) -> list[Row]:
        """The rows of a file."""

    @abstractmethod
    def _of_rows(self, path: str | Path, rows: list[Row], labels: np.ndarray) -> E:
        """The examples of rows, and of their labels."""

    def _keys(self, builder: Builder) -> tuple[str, ...]:
        """The text and the label: the supervised pair, else the only ones there are."""
        kinds = corpora.tensorflow_datasets.feature_kinds(builder)
        texts = [key for key, kind in kinds.items() if kind == "Text" and self._is_string(key)]
        return keys_of_labelled(builder, texts, self.wanted)

    def _is_string(self, key: str) -> bool:
        return True  # any text may have labels

    def _labels(self, builder: Builder, keys: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(builder.info.features[keys[1]].names)

    def _read(
        self, builder: Builder, split: str, keys: tuple[str, ...], enough: int | None
    ) -> E | None:
        # `enough` is no matter: an example more or less is cheap here.
        examples = builder.as_dataset(split=split).map(lambda e: (e[keys[0]], e[keys[1]]))
        strings: list[str] = []
        labels: list[int] = []
        for some_strings, some_labels in examples.batch(4096).as_numpy_iterator():
            strings += self._decode(some_strings, builder.name)
            labels += some_labels.tolist()
        hidden = min(labels, default=0) < 0
        return None if hidden else type(self).examples(strings, np.array(labels, np.int32))

    def _decode(self, strings: Sequence[bytes], name: str) -> list[str]:
        return corpora.tensorflow_datasets.decode(strings)

    def _read_file(self, path: str | Path, labels: Sequence[str] | None) -> E:
        rows = with_labels(path, self._rows(path), self.filled)
        names = label_names(path, rows) if labels is None else labels
        return self._of_rows(path, rows, label_indices(path, rows, names))

    def _read_training_file(self, path: str | Path) -> tuple[E, tuple[str, ...]]:
        rows = with_labels(path, self._rows(path), self.filled)
        names = label_names(path, rows)
        tell_of_rare(path, rows)
        return self._of_rows(path, rows, label_indices(path, rows, names)), names
