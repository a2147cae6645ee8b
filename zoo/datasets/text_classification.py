"""Texts with one label each: a packaged corpus, a TensorFlow Datasets name, or users' files."""

import contextlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zoo.datasets import corpora
from zoo.datasets.corpus import Builder, Corpus, Examples, Kind, lowest_tenth, parted
from zoo.datasets.readers.tables import Row, quoted, read_table
from zoo.errors import UserError


@dataclass(frozen=True)
class LabelledTexts(Examples):
    """Texts and, for each, the index of its label: `labels` is (examples,) int32."""

    texts: list[str]
    labels: np.ndarray


@dataclass(frozen=True)
class TextClassificationData(Corpus[LabelledTexts]):
    """A corpus of labelled texts; `label_names` are in the order of the indices."""

    label_names: tuple[str, ...] = field(kw_only=True)


class _TextClassification(Kind[LabelledTexts, TextClassificationData]):
    """Corpora with a text feature and a class label ("imdb_reviews", "glue/sst2").

    Files are CSV, TSV or JSON Lines with the columns `text` and `label` (`readers.tables`). Labels
    that are integers are in numeric order, other ones in alphabetic order.
    """

    name = "text_classification"
    corpus = TextClassificationData
    labels = "label_names"

    def carve(self, data: LabelledTexts) -> tuple[LabelledTexts, LabelledTexts]:
        """Sets a tenth aside: of each label the distinct texts whose CRC-32 is lowest, rounded up.

        Equal texts are on one side, and each label keeps a text at least.
        """
        label_of = dict(zip(reversed(data.texts), reversed(data.labels.tolist()), strict=True))
        texts_of = defaultdict(list)
        for text, label in label_of.items():
            texts_of[label].append(text.encode())
        aside = {text.decode() for texts in texts_of.values() for text in lowest_tenth(texts)}
        return parted(data, [text in aside for text in data.texts])

    def _keys(self, builder: Builder) -> tuple[str, ...]:
        """The text and the label: the supervised pair, else the only ones there are."""
        kinds = corpora.tensorflow_datasets.supervised_kinds(builder)
        texts, labels = ([k for k in kinds if kinds[k] == w] for w in ("Text", "ClassLabel"))
        if len(texts) != 1 or len(labels) != 1:
            raise corpora.tensorflow_datasets.refusal(builder, "one text with one class label")
        return texts[0], labels[0]

    def _labels(self, builder: Builder, keys: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(builder.info.features[keys[1]].names)

    def _read(
        self, builder: Builder, split: str, keys: tuple[str, ...], enough: int | None
    ) -> LabelledTexts | None:
        # `enough` is no matter: an example more or less is cheap here.
        examples = builder.as_dataset(split=split).map(lambda e: (e[keys[0]], e[keys[1]]))
        texts: list[str] = []
        labels: list[int] = []
        for some_texts, some_labels in examples.batch(4096).as_numpy_iterator():
            texts += corpora.tensorflow_datasets.decode(some_texts)
            labels += some_labels.tolist()
        hidden = min(labels, default=0) < 0
        return None if hidden else LabelledTexts(texts, np.array(labels, np.int32))

    def _read_file(self, path: str | Path, labels: Sequence[str] | None) -> LabelledTexts:
        rows = read_table(path, ("text", "label"))
        return _with_labels(path, rows, _label_names(path, rows) if labels is None else labels)

    def _read_training_file(self, path: str | Path) -> tuple[LabelledTexts, tuple[str, ...]]:
        rows = read_table(path, ("text", "label"))
        names = _label_names(path, rows)
        return _with_labels(path, rows, names), names


def _label_names(path: str | Path, rows: list[Row]) -> tuple[str, ...]:
    names = sorted({row.fields["label"].strip() for row in rows})
    if len(names) == 1:
        raise UserError(
            f"{path}: every row has the label '{names[0]}': a classifier needs two classes or more"
        )
    with contextlib.suppress(ValueError):
        names.sort(key=int)
    return tuple(names)


def _with_labels(path: str | Path, rows: list[Row], label_names: Sequence[str]) -> LabelledTexts:
    index = {name: i for i, name in enumerate(label_names)}
    labels = []
    for row in rows:
        label = row.fields["label"].strip()
        if not label:
            raise UserError(f"{path}: line {row.line} has no label")
        if label not in index:
            raise UserError(
                f"{path}: line {row.line} has the label '{label}', which is not one of "
                f"{quoted(label_names)}"
            )
        labels.append(index[label])
    return LabelledTexts([row.fields["text"] for row in rows], np.array(labels, dtype=np.int32))


_KIND = _TextClassification()
load, from_files, from_file, carve = _KIND.load, _KIND.from_files, _KIND.from_file, _KIND.carve
