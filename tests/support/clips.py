"""Clips to read, made up."""

import functools
import shlex
import tempfile
from pathlib import Path

import numpy as np

from support.sequences import randomize
from zoo.networks import Clips, many_to_one
from zoo.predictors import VideoClassifier
from zoo.video import write


def moving(frames=12, height=32, width=48, channels=3):
    """A bright square that crosses a dark picture: (time, height, width, channels) uint8."""
    clip = np.full((frames, height, width, channels), 30, "uint8")
    for time in range(frames):
        left = time * (width - 8) // max(frames - 1, 1)
        clip[time, 8:16, left : left + 8] = [220, 140, 60][:channels]
    return clip


def numbered(frames=20, size=16, step=10):
    """Frames that are all of one gray, `step` brighter each."""
    levels = (np.arange(frames) * step).astype("uint8")
    return np.broadcast_to(levels[:, None, None, None], (frames, size, size, 1)).copy()


# A network and a training as small as can be.
TINY = shlex.split(
    "--size=8 --channels=1 --frames=5 --units=3 --width=4 --filters=2 --batch-size=8 "
    "--learning-rate=0.05 --epochs=6 --patience=6 --remember=chrono:5"
)
LABELS = ("still", "moved", "gone")


def classifier(labels=2, encoder=None, sampling=None, **options):
    """A `VideoClassifier` whose answers differ from clip to clip."""
    encoder = encoder or Clips((8, 6), 1, 5, (3,))
    model = many_to_one(encoder, labels, units=4, embedding_dropout=0.0, **options)
    randomize(model, seed=2, scale=1)
    return VideoClassifier(model, LABELS[:labels], sampling)


def motions(rows=40):
    """Clips of one frame to six, each with its label: whether a square goes right or left."""
    pairs = []
    for i in range(rows):
        clip = moving(1 + i % 6, 12 + i % 3, 20 + i, 3)
        pairs.append((clip if i % 2 else clip[:, :, ::-1], ("left", "right")[i % 2]))
    return pairs


def write_motions(path, pairs):
    """Writes (clip, label) pairs as videos and their table; returns the path of the table."""
    lines = ["file\tlabel"]
    for i, (clip, label) in enumerate(pairs):
        name = f"{path.stem}_{i}.mkv"
        write(np.ascontiguousarray(clip), path.parent / name)
        lines.append(f"{name}\t{label}")
    path.write_text("\n".join(lines) + "\n")
    return path


_FOLDER = tempfile.TemporaryDirectory()


@functools.cache
def written():
    """The paths of two videos."""
    pairs = motions(6)[4:]
    table = write_motions(Path(_FOLDER.name) / "some.tsv", pairs)
    return tuple(str(table.with_name(f"some_{i}.mkv")) for i in range(2))
