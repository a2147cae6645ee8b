"""One label for each video."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import keras
import numpy as np
import tensorflow as tf

from zoo.datasets.batches.clips import ClipBatches, lengths_of, padded_clips
from zoo.datasets.batches.mapped import MappedBatches
from zoo.networks.clips import CLIP, MASK
from zoo.predictors import clips
from zoo.predictors.classifier import Classifier
from zoo.predictors.endpoints import Arrays, Endpoint, request, require_between
from zoo.video import augmentation
from zoo.video.files import Sampling

MOMENTS = 64  # of a timeline
_READ = 64  # clips that are in memory at a time
_MOST_PIXELS = 2**24  # of the frames that a network reads at a time
_MOST_SENT = 2**28  # numbers of a request, before frames are made smaller
_WARM_UP = ((1, 1, 40, 30), (3, 5, 24, 32), (2, 50, 17, 16))  # rows, frames, height, width


class Timeline(NamedTuple):
    """What a network says of the beginnings of a clip.

    Attributes:
        frames: (moments,) integers, ascending: how many of the frames it has read at each moment;
            the last one is all of them.
        probabilities: (moments, labels) float32.
    """

    frames: np.ndarray
    probabilities: np.ndarray


class VideoClassifier(Classifier):
    """A many-to-one network that reads clips, with its labels.

    Args:
        model: `keras.Model`, a dict of `clip` and `mask` -> logits, (batch, 1) for two labels or
            (batch, labels). Its encoder is `zoo.networks.Clips`, or `zoo.networks.Paths` for
            coordinates.
        label_names: the labels in the order of the classes.
        sampling: what is kept of a video; size and channels are those of the model. Of coordinates
            None.
        lengths: how many frames the shortest and the longest of the training data have. Others are
            not familiar.

    Raises:
        ValueError: the model has another number of classes than there are labels, or reads frames
            of another size.
    """

    kind = "video_classifier"

    def __init__(
        self,
        model: keras.Model,
        label_names: Sequence[str],
        sampling: Sampling | None = None,
        lengths: Sequence[int] | None = None,
    ):
        super().__init__(model, label_names)
        *size, channels = model.input[CLIP].shape[2:]
        self.coordinates: int | None = None if size else channels
        self.sampling = Sampling()
        if size:
            own = Sampling(tuple(size), channels)
            sampling = sampling or own
            if (sampling.size or own.size, sampling.channels) != (own.size, channels):
                raise ValueError(f"{sampling} for a model that reads {own.size}, {channels}")
            self.sampling = dataclasses.replace(sampling, size=own.size)
        self.most_steps = _MOST_PIXELS // int(np.prod(size, initial=1))  # type: ignore[misc]
        self.most_together = self.most_steps  # type: ignore[misc]
        self.lengths = None if lengths is None else (int(lengths[0]), int(lengths[1]))

    def predict(self, inputs: Iterable[Any], batch_size: int = 64) -> list[dict[str, Any]]:
        """One dict per clip, in order: `label`, its `probability`, and whether it is `familiar`.

        The probability is a float in [0, 1]. A clip is familiar if it has neither fewer nor more
        frames than those of the training data.

        Args:
            inputs: a list of paths of videos, of any format that PyAV reads, and of clips (time,
                height, width, 1 or 3) uint8, whose frames are brought to the size that the network
                reads. Where it reads coordinates, each is (time, coordinates) float.
            batch_size: the most clips that are read together.

        Raises:
            TypeError: they are something else.
            UserError: a file cannot be read, or a clip is empty.
        """
        return super().predict(inputs, batch_size)

    def timeline(self, clip: Any, moments: int = MOMENTS) -> Timeline:
        """What the network would say of a clip if it ended at each of so many moments, or fewer.

        It reads the beginning up to there as a clip of its own; reading backwards, too, it begins
        there. Arguments and errors as of `predict`, of one clip.
        """
        (item,) = self._checked([clip])
        frames = self._read(item)
        number = min(max(1, moments), len(frames))
        ends = np.round(np.linspace(0, len(frames), number + 1)[1:]).astype(int)
        found, _ = super()._judgements([frames[:end] for end in ends])
        return Timeline(ends, found)

    def batches(
        self,
        given: Sequence[np.ndarray],
        labels: np.ndarray,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        augment: float = 0.0,
    ) -> ClipBatches | MappedBatches:
        """Batches of clips that are as the network reads them, and the indices of their labels.

        `augment` says how much they are moved, each time otherwise: 1 is as much as
        `zoo.video.augmentation` does by itself, 0 nothing.
        """
        batches = ClipBatches(given, labels, batch_size=batch_size, shuffle=shuffle, seed=seed)
        if not augment:
            return batches
        move = augmentation.moved if self.coordinates is None else augmentation.moved_path

        def moved(seed: tf.Tensor, inputs: dict[str, tf.Tensor], labels: tf.Tensor) -> tuple:
            lengths = tf.reduce_sum(inputs[MASK], axis=1)
            return inputs | {CLIP: move(inputs[CLIP], lengths, seed, strength=augment)}, labels

        return MappedBatches(batches, moved, seed)

    def _checked(self, inputs: Iterable[Any]) -> Any:
        return clips.clips_of(inputs, self.coordinates)

    def _read(self, item: clips.Clip) -> np.ndarray:
        if self.coordinates is None:
            return clips.read(item, self.sampling)
        assert isinstance(item, np.ndarray)
        return item

    def _judgements(self, items: Any, batch_size: int = 64) -> tuple[np.ndarray, ...]:
        """As of every classifier; a few clips are in memory at a time."""
        found = []
        for start in range(0, max(len(items), 1), _READ):
            some = [self._read(item) for item in items[start : start + _READ]]
            found.append(super()._judgements(some, batch_size))
        return tuple(map(np.concatenate, zip(*found, strict=True)))

    def _encoded(self, items: list[np.ndarray]) -> tuple[dict[str, tf.Tensor], np.ndarray]:
        """What the network reads, and 1 for each clip of an unknown length."""
        least, most = self.lengths or (0, np.inf)
        unknown = np.array([not least <= len(item) <= most for item in items], "float32")
        return tf.nest.map_structure(tf.constant, padded_clips(items)), unknown

    def _inputs_of(self, examples: Any) -> Sequence[np.ndarray]:
        return examples.clips

    def calibrate(self, train: Any, validation: Any) -> None:
        lengths = lengths_of(train.clips)
        self.lengths = (min(lengths), max(lengths))
        super().calibrate(train, validation)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """What a served model answers to: frames, or coordinates, with the lengths of clips."""
        *size, channels = self.model.input[CLIP].shape[2:]
        name = "frames" if size else "coordinates"
        free = [None] * len(size)
        inputs = (
            tf.TensorSpec([None, None, *free, channels], tf.uint8 if size else tf.float32, name),
            tf.TensorSpec([None], tf.int32, "length"),
        )

        def expected(inputs: Arrays) -> Arrays:
            rows = zip(inputs[name], inputs["length"], strict=True)
            return self._expected(self._encoded([self._read(row[:n])])[0] for row, n in rows)

        generator = np.random.default_rng(0)
        examples = []
        for rows, time, height, width in _WARM_UP:
            shape = (rows, time, *(height, width)[: len(size)], channels)
            drawn = generator.integers(0, 256, shape)
            sent = drawn.astype("uint8") if size else (drawn / 255).astype("float32")
            length = generator.integers(1, time + 1, rows, "int32")
            examples.append(request(**{name: sent, "length": length}))
        return (Endpoint("serving_default", inputs, self._answer_clips, examples, expected),)

    def _answer_clips(self, sent: tf.Tensor, length: tf.Tensor) -> dict[str, tf.Tensor]:
        """The answer to clips, whatever stands behind the length of a row."""
        rows, time = tf.unstack(tf.shape(sent)[:2])
        tf.debugging.assert_equal(tf.size(length), rows, "length: one for each clip")
        require_between(length, 1, time, "length: from 1 to the frames of a clip")
        tf.debugging.assert_less_equal(
            tf.size(sent, tf.int64),
            tf.constant(_MOST_SENT, tf.int64),
            f"too much at once: {_MOST_SENT} numbers are the most; send fewer clips",
        )
        if self.coordinates is None:
            sent, length = clips.fitted(sent, length, self.sampling)
        mask = tf.sequence_mask(length, tf.shape(sent)[1], tf.int32)
        return self._answer({CLIP: sent, MASK: mask})

    def save_assets(self, folder: Path) -> dict[str, Any]:
        sampling = None if self.coordinates else dataclasses.asdict(self.sampling)
        return {"labels": list(self.label_names), "sampling": sampling, "lengths": self.lengths}

    @classmethod
    def load_assets(cls, folder: Path, config: dict[str, Any], model: keras.Model) -> Self:
        sampling = config["sampling"] and Sampling(**config["sampling"])
        return cls(model, config["labels"], sampling, config["lengths"])
