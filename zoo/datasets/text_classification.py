"""Texts with one label each: a packaged corpus, a TensorFlow Datasets name, or users' files."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zoo.datasets.corpus import Corpus, Examples
from zoo.datasets.labelled import LabelledKind
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


class _TextClassification(LabelledKind[LabelledTexts, TextClassificationData]):
    """Corpora with a text feature and a class label ("imdb_reviews", "glue/sst2").

    Files are CSV, TSV or JSON Lines with the columns `text` and `label` (`readers.tables`). Labels
    that are integers are in numeric order, other ones in alphabetic order.
    """

    name = "text_classification"
    corpus = TextClassificationData
    examples = LabelledTexts
    wanted = "one text with one class label"
    filled = ("text", "label")

    def _labelled(self, data: LabelledTexts) -> tuple[list[str], np.ndarray]:
        return data.texts, data.labels

    def _rows(self, path: str | Path) -> list[Row]:
        return read_table(path, ("text", "label"))

    def _of_rows(self, path: str | Path, rows: list[Row], labels: np.ndarray) -> LabelledTexts:
        return LabelledTexts([row.fields["text"] for row in rows], labels)


_KIND = _TextClassification()
load, from_files, from_file, carve = _KIND.load, _KIND.from_files, _KIND.from_file, _KIND.carve
