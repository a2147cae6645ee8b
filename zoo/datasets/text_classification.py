"""Texts with one label each: a packaged corpus, a TensorFlow Datasets name, or users' files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zoo.datasets import corpora
from zoo.datasets.corpus import Builder, Corpus, Examples, Kind, parted
from zoo.datasets.labels import keys_of_labelled, label_indices, label_names, tenth_of_each
from zoo.datasets.readers.tables import Row, read_table


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
        return parted(data, tenth_of_each([text.encode() for text in data.texts], data.labels))

    def _keys(self, builder: Builder) -> tuple[str, ...]:
        """The text and the label: the supervised pair, else the only ones there are."""
        kinds = corpora.tensorflow_datasets.feature_kinds(builder)
        texts = [key for key, kind in kinds.items() if kind == "Text"]
        return keys_of_labelled(builder, texts, "one text with one class label")

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
        return _with_labels(path, rows, label_names(path, rows) if labels is None else labels)

    def _read_training_file(self, path: str | Path) -> tuple[LabelledTexts, tuple[str, ...]]:
        rows = read_table(path, ("text", "label"))
        names = label_names(path, rows)
        return _with_labels(path, rows, names), names


def _with_labels(path: str | Path, rows: list[Row], names: Sequence[str]) -> LabelledTexts:
    return LabelledTexts([row.fields["text"] for row in rows], label_indices(path, rows, names))


_KIND = _TextClassification()
load, from_files, from_file, carve = _KIND.load, _KIND.from_files, _KIND.from_file, _KIND.carve
