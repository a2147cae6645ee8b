"""The kinds of corpora as the shared tests see them, and small corpora of TensorFlow Datasets."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from zoo.audio import files
from zoo.datasets import (
    dna,
    music,
    parallel_text,
    plain_text,
    sequence_tagging,
    speech,
    text_classification,
    video,
)
from zoo.video import write

SPLITS = ("train", "validation", "test")
TAGS = ("O", "B-PER", "I-PER")
LABELS = ("neg", "pos")


@dataclass(frozen=True)
class Case:
    """A kind of corpus; an example is a tuple that can be compared and hashed."""

    kind: ModuleType
    file: str  # a name that tells the format
    example: Callable[[int], Any]  # the i-th of many distinct ones
    text: Callable[[list], str]  # the content of a file of such examples
    examples: Callable[[Any], list]  # of what a file was read to
    key: Callable[[Any], bytes]  # what decides whether an example is set aside
    labels: tuple[str, ...] | None = None

    def write(self, folder: Path, examples: list, name: str = "train") -> Path:
        path = folder / f"{name}{self.file}"
        path.write_text(self.text(examples), encoding="utf-8")
        return path

    def some(self, number: int) -> list:
        return [self.example(i) for i in range(number)]

    def splits(self, data: Any) -> list[list]:
        return [self.examples(getattr(data, split)) for split in SPLITS]

    def read(self, path: Path, **options: Any) -> Any:
        labels = () if self.labels is None else (self.labels,)
        return self.kind.from_file(path, *labels, **options)


def _chords(i: int) -> tuple:
    """A piece of eight chords of three notes, the highest first."""
    steps = np.random.default_rng(i).permuted(np.tile(np.arange(40, 80), (8, 1)), axis=1)[:, :3]
    return tuple(tuple(sorted(step, reverse=True)) for step in steps.tolist())


@dataclass(frozen=True)
class VideoCase(Case):
    """Its examples are colours, each of a clip of one frame."""

    def write(self, folder: Path, examples: list, name: str = "train") -> Path:
        for colour, _ in examples:
            write(_frame(colour)[:, :8, :8], folder / _file(colour))
        return super().write(folder, examples, name)


def _frame(colour: tuple) -> np.ndarray:
    return np.tile(np.array(colour, "uint8"), (1, 64, 64, 1))


def _file(colour: tuple) -> str:
    return f"{'-'.join(map(str, colour))}.mkv"


def _bases(i: int) -> str:
    return "".join("ACGT"[i >> 2 * place & 3] for place in range(8))


@dataclass(frozen=True)
class WithRecordings(Case):
    """Of tables that name files, which lie beside them."""

    def write(self, folder: Path, examples: list, name: str = "train") -> Path:
        for samples, text in examples:
            files.write(np.frombuffer(samples, "int16") / files.SCALE, folder / f"{text}.wav")
        return super().write(folder, examples, name)


CASES = {
    "text_classification": Case(
        text_classification,
        ".csv",
        lambda i: (f"text {i}", i % 2),
        lambda rows: "\n".join(["text,label", *(f"{text},{LABELS[at]}" for text, at in rows)]),
        lambda data: list(zip(data.texts, data.labels.tolist(), strict=True)),
        lambda row: row[0].encode(),
        LABELS,
    ),
    "dna": Case(
        dna,
        ".csv",
        lambda i: (_bases(i), i % 2),
        lambda rows: "\n".join(["sequence,label", *(f"{row},{LABELS[at]}" for row, at in rows)]),
        lambda data: list(zip(data.sequences, data.labels.tolist(), strict=True)),
        lambda row: row[0].encode(),
        LABELS,
    ),
    "sequence_tagging": Case(
        sequence_tagging,
        ".txt",
        lambda i: (("Mr", f"{i}"), ("O", TAGS[i % 2])),
        lambda rows: "\n\n".join(
            "\n".join(f"{token} {tag}" for token, tag in zip(*row, strict=True)) for row in rows
        ),
        lambda data: list(zip(map(tuple, data.tokens), map(tuple, data.tags), strict=True)),
        lambda row: " ".join(row[0]).encode(),
        TAGS,
    ),
    "parallel_text": Case(
        parallel_text,
        ".tsv",
        lambda i: (f"source {i}", f"target {i} é"),
        lambda rows: "\n".join("\t".join(row) for row in rows),
        lambda data: list(zip(data.sources, data.targets, strict=True)),
        lambda row: row[0].encode(),
    ),
    "music": Case(
        music,
        ".json",
        _chords,
        json.dumps,
        lambda data: [tuple(map(tuple, piece.pitches.tolist())) for piece in data.pieces],
        lambda row: music.Score(row, np.ones((8, 3)), 1, np.zeros(8)).fingerprint(),
    ),
    "speech": WithRecordings(
        speech,
        ".csv",
        lambda i: (np.arange(i, i + 20, dtype="int16").tobytes(), f"text {i}"),
        lambda rows: "\n".join(["audio,text", *(f"{text}.wav,{text}" for _, text in rows)]),
        lambda data: [(r.tobytes(), t) for r, t in zip(data.recordings, data.texts, strict=True)],
        lambda row: row[0],
    ),
    "video": VideoCase(
        video,
        ".csv",
        lambda i: ((i, 255 - i, 7 * i % 256), i % 2),
        lambda rows: "\n".join(["file,label", *(f"{_file(c)},{LABELS[at]}" for c, at in rows)]),
        lambda data: [
            (tuple(clip[0, 0, 0].tolist()), label)
            for clip, label in zip(data.clips, data.labels.tolist(), strict=True)
        ],
        lambda row: video.fingerprint(_frame(row[0])),
        LABELS,
    ),
}
"""Kinds whose splits are examples; plain text is cut wherever it can be."""
KINDS = {name: case.kind for name, case in CASES.items()} | {"plain_text": plain_text}


def tfds_corpus(class_name, features, examples, keys=None, prepare=lambda manager: None):
    """Registers a corpus with TFDS under its name in snake case."""
    if isinstance(features, dict):
        features = tfds.features.FeaturesDict(features)

    class Corpus(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self, features=features, supervised_keys=keys, description="Of tests."
            )

        def _split_generators(self, dl_manager):
            prepare(dl_manager)
            return {split: self._generate_examples(split) for split in examples}

        def _generate_examples(self, split):
            yield from enumerate(examples[split])

    type(class_name, (Corpus,), {"VERSION": Corpus.VERSION, "__module__": __name__})
