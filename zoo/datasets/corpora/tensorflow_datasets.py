"""Corpora by their TensorFlow Datasets names: found, downloaded, and what is said when it fails."""

import contextlib
import difflib
import importlib
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import requests
import tensorflow as tf
import tensorflow_datasets as tfds
from filelock import FileLock
from tensorflow_datasets.core.download import downloader

from zoo.datasets.corpora.package_index import cache_folder
from zoo.datasets.corpora.packaged import PACKAGED
from zoo.errors import UserError
from zoo.text.normalization import normalize

_OWN = {*PACKAGED, "genomic_benchmarks"}  # whose builders are modules here
_SPLITS = {"train": "train", "dev": "validation", "validation": "validation", "test": "test"}


def find_builder(name: str, packaged: Sequence[str]) -> tfds.core.DatasetBuilder:
    """The builder of a packaged corpus, or one of a TensorFlow Datasets name; nothing is read yet.

    A UserError says that the name is unknown, and proposes others, those `packaged` among them.
    """
    base = name.partition("/")[0]
    if base in _OWN:
        importlib.import_module(f"zoo.datasets.corpora.{base}")  # registers the builder
    try:
        data_dir = cache_folder() / "tensorflow_datasets" if base in PACKAGED else None
        with contextlib.redirect_stdout(None):  # some builders print which package they miss
            return tfds.builder(name, data_dir=data_dir)
    except Exception as error:  # TFDS does not say which errors a wrong name or option can cause
        raise UserError(_why_unknown(name, packaged)) from error


def prepare_splits(builder: tfds.core.DatasetBuilder, packaged: Sequence[str]) -> dict[str, str]:
    """Downloads and prepares a corpus on first use.

    Returns those of train, validation and test that it has, with its own name for each. A UserError
    says that it cannot be downloaded or prepared, and proposes those `packaged`.
    """
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    try:
        # TFDS announces on standard output, which is for results, what it downloads and where to:
        # worth knowing for a large download, not for a packaged corpus.
        quiet = builder.name in PACKAGED
        with contextlib.redirect_stdout(None if quiet else sys.stderr), _few_retries():
            _prepare(builder)
    except UserError:
        raise
    except requests.ConnectionError as error:
        host = urlsplit(str(error.request.url)).hostname if error.request else "its server"
        raise UserError(
            f"cannot download the dataset '{builder.name}', for {host} cannot be reached: connect "
            f"to the network once, or use a packaged corpus ({', '.join(packaged)})"
        ) from error
    except Exception as error:  # the builders of others fail in ways of their own
        reason = (str(error).strip() or type(error).__name__).partition("\n")[0]
        raise UserError(f"cannot prepare the dataset '{builder.name}': {reason}") from error
    return {split: own for own, split in _SPLITS.items() if own in builder.info.splits}


def _prepare(builder: tfds.core.DatasetBuilder) -> None:
    """Prepares a corpus, or waits until another process has done so."""
    place = Path(builder.data_dir)
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_name(f".{place.name}.lock")):
        if place.exists():
            builder.info.read_from_directory(str(place))
        else:
            builder.download_and_prepare()


def feature_kinds(builder: tfds.core.DatasetBuilder) -> dict[str, str]:
    """The features of a corpus by name, in words such as "Text" or "Sequence of ClassLabel"."""
    return {key: _kind(feature) for key, feature in builder.info.features.items()}


def supervised_kinds(builder: tfds.core.DatasetBuilder) -> dict[str, str]:
    """Those of `feature_kinds` that are the supervised pair; all, if it names none."""
    kinds = feature_kinds(builder)
    return {key: kinds.get(key, "") for key in builder.info.supervised_keys or kinds}


def refusal(builder: tfds.core.DatasetBuilder, kind: str) -> UserError:
    """The error that a corpus is not of a kind, "one text for each example" for instance."""
    has = ", ".join(f"'{key}' ({what})" for key, what in feature_kinds(builder).items())
    return UserError(f"the dataset '{builder.name}' is not {kind}; it has {has}")


def decode(texts: Iterable[bytes]) -> list[str]:
    """Texts of a corpus, normalised; TFDS does not promise UTF-8, and nobody can mend a corpus."""
    return [normalize(text.decode(errors="replace")) for text in texts]


def decode_frames(
    images: Iterable[bytes], size: tuple[int, int] | None, channels: int
) -> np.ndarray:
    """Encoded images of one size as (time, height, width, channels) uint8, shrunk or stretched."""
    frames = tf.stack([tf.io.decode_image(image, channels) for image in images])
    if size is not None and size != tuple(frames.shape[1:3]):
        frames = tf.cast(tf.round(tf.image.resize(frames, size, "area")), tf.uint8)
    return frames.numpy()


def card_fields(builder: tfds.core.DatasetBuilder) -> dict[str, str]:
    """Description, home page, licence and citation of a corpus, for its model cards."""
    info = builder.info
    return {
        "description": info.description.strip(),
        "homepage": info.homepage,
        "licence": info.redistribution_info.license,
        "citation": info.citation,
    }


def _kind(feature: tfds.features.FeatureConnector) -> str:
    kind = type(feature).__name__
    if isinstance(feature, tfds.features.Sequence):
        return f"{kind} of {_kind(feature.feature)}"
    return kind


def _why_unknown(name: str, packaged: Sequence[str]) -> str:
    names = {*_OWN, *tfds.list_builders(with_community_datasets=False)}
    base = name.partition("/")[0]
    if base in names:
        configurations = tuple(tfds.builder_cls(base).builder_configs)
        hint = f"'{base}' has the configurations {', '.join(configurations) or 'of its name only'}"
    elif re.search(r"\.[a-z]\w*$", name.lower()):  # a suffix; versions of corpora are numbers
        hint = "read a file of your own with --data"
    elif near := difflib.get_close_matches(name, sorted(names)):
        hint = f"did you mean {' or '.join(repr(match) for match in near)}?"
    else:
        hint = f"give a packaged corpus ({', '.join(packaged)}) or a TensorFlow Datasets name"
    return f"unknown dataset '{name}': {hint}"


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
