"""What the kinds of labelled examples share: the names of labels, and a tenth of each aside."""

import contextlib
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from zoo.datasets import corpora
from zoo.datasets.corpus import Builder, lowest_tenth
from zoo.datasets.readers.left_out import ROWS, LeftOut
from zoo.datasets.readers.tables import Row, quoted
from zoo.errors import UserError

_LOG = logging.getLogger(__name__)
_COMMON = 100  # rows that a label has in the mean, where one with a single row may be a mistake


def label_names(path: str | Path, rows: Iterable[Row]) -> tuple[str, ...]:
    """The labels of a table, in numeric order if all are integers, else in alphabetic order.

    UserError if there is one only.
    """
    names = sorted({row.fields["label"].strip() for row in rows})
    if len(names) == 1:
        raise UserError(
            f"{path}: every row has the label '{names[0]}': a classifier needs two classes or more"
        )
    with contextlib.suppress(ValueError):
        names.sort(key=int)
    return tuple(names)


def with_labels(
    path: str | Path, rows: Sequence[Row], columns: Sequence[str] = ("label",)
) -> list[Row]:
    """The rows where no such column is blank; the others are left out and logged (`LeftOut`)."""
    left_out, kept = LeftOut("rows", len(rows), ROWS), []
    for row in rows:
        if blank := [name for name in columns if not row.fields[name].strip()]:
            left_out.add(f"{path}: line {row.line} has no {blank[0]}")
        else:
            kept.append(row)
    left_out.tell()
    return kept


def tell_of_rare(path: str | Path, rows: Sequence[Row]) -> None:
    """Logs labels of a single row among many, which may be mistyped."""
    count = Counter(row.fields["label"].strip() for row in rows)
    rare = [name for name, rows_of in count.items() if rows_of == 1]
    if rare and len(rows) >= _COMMON * len(count):
        told = "%s: labels of a single row: %s; correct what is mistyped, else each is a class"
        _LOG.warning(told, path, quoted(rare))


def label_indices(path: str | Path, rows: Iterable[Row], names: Sequence[str]) -> np.ndarray:
    """The index of the label of each row: (rows,) int32.

    UserError if a label is none of the names; the message tells its line.
    """
    index = {name: i for i, name in enumerate(names)}
    labels = []
    for row in rows:
        label = row.fields["label"].strip()
        if label not in index:
            raise UserError(
                f"{path}: line {row.line} has the label '{label}', which is not one of "
                f"{quoted(names)}"
            )
        labels.append(index[label])
    return np.array(labels, dtype=np.int32)


def tenth_of_each(keys: Sequence[bytes], labels: np.ndarray) -> list[bool]:
    """Whether each example is set aside: of each label the distinct keys whose CRC-32 is lowest.

    A tenth of them, rounded up. Equal keys are on one side, and each label keeps one at least.
    """
    label_of = dict(zip(reversed(keys), reversed(labels.tolist()), strict=True))
    keys_of = defaultdict(list)
    for key, label in label_of.items():
        keys_of[label].append(key)
    aside = {key for own in keys_of.values() for key in lowest_tenth(own)}
    return [key in aside for key in keys]


def keys_of_labelled(builder: Builder, examples: Sequence[str], refused: str) -> tuple[str, str]:
    """The features of the example and of its label: the supervised pair, else the only ones.

    Args:
        builder: of a corpus.
        examples: names of features that can be what is labelled.
        refused: what the corpus is not, if there is not just one of each, for a UserError.
    """
    kinds = corpora.tensorflow_datasets.supervised_kinds(builder)
    found = [key for key in kinds if key in examples]
    labels = [key for key in kinds if kinds[key] == "ClassLabel"]
    if len(found) != 1 or len(labels) != 1:
        raise corpora.tensorflow_datasets.refusal(builder, refused)
    return found[0], labels[0]
