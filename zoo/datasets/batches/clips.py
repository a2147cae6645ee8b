"""Batches of clips, which are read when they are needed."""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from zoo.datasets.batches import shares
from zoo.datasets.batches.by_length import BucketedBatches
from zoo.datasets.batches.pipeline import READY
from zoo.video.cache import StoredClips


class ClipBatches:
    """Groups clips by length as `BucketedBatches` does, with a few batches in memory at a time.

    Args:
        clips: each (time, height, width, channels) uint8 or (time, coordinates) float; a list, or
            files (`zoo.video.cache.StoredClips`).
        labels: (examples,) integers.
        batch_size: clips in a batch.
        shuffle: False for evaluation.
        seed: of the order.

    Raises:
        ValueError: a clip is empty, or there are not as many labels.
    """

    def __init__(
        self,
        clips: Sequence[np.ndarray],
        labels: np.ndarray,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int = 0,
    ):
        self.clips, self.labels = clips, np.asarray(labels, "int32")
        # Of these only the lengths count, which decide the order.
        steps = [np.zeros(length, "bool") for length in lengths_of(clips)]
        self._order = BucketedBatches(
            steps, self.labels, batch_size=batch_size, shuffle=shuffle, seed=seed
        )

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self._order)

    def indices(self, epoch: int = 0) -> list[np.ndarray]:
        """The clips in each batch of an epoch: what `dataset` yields, by index."""
        return self._order.indices(epoch)

    def dataset(self, epoch: int = 0) -> tf.data.Dataset:
        """The batches of one epoch, ({"clip", "mask"}, labels): see `padded_clips`.

        Under a `keras.distribution` they are this host's part of it: see `shares`.
        """
        share = shares.current()
        lengths = np.asarray(lengths_of(self.clips))

        def batches() -> Iterator[tuple]:
            for whole in self.indices(epoch):
                divided, begin, end = share.rows(len(whole)) if share else (None, 0, len(whole))
                indices = whole[begin:end]
                clips = padded_clips([self.clips[i] for i in indices], lengths[whole].max())
                yield (*((divided,) if share else ()), clips, self.labels[indices])

        first = self.clips[0]
        inputs = {
            "clip": tf.TensorSpec((None, None, *first.shape[1:]), first.dtype),
            "mask": tf.TensorSpec((None, None), tf.int32),
        }
        signature: tuple = inputs, tf.TensorSpec((None,), tf.int32)
        signature = (tf.TensorSpec((), tf.bool), *signature) if share else signature
        dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
        known = tf.data.experimental.assert_cardinality(len(self))
        return dataset.apply(known).prefetch(READY)


def lengths_of(clips: Sequence[np.ndarray]) -> list[int]:
    """How many frames clips have; of files none is read for that."""
    return clips.lengths() if isinstance(clips, StoredClips) else list(map(len, clips))


def padded_clips(
    clips: Sequence[np.ndarray], timesteps: int | None = None
) -> dict[str, np.ndarray]:
    """What a network reads of clips whose frames are of one size.

    `clip` (batch, timesteps, ...), with zeros behind those that are shorter than the longest, and
    `mask` (batch, timesteps) int32, 1 for each frame. `timesteps` is the length of the longest
    unless it is given.
    """
    lengths = np.array([len(clip) for clip in clips])
    padded = np.zeros((len(clips), timesteps or lengths.max(), *clips[0].shape[1:]), clips[0].dtype)
    for row, clip in zip(padded, clips, strict=True):
        row[: len(clip)] = clip
    mask = np.arange(padded.shape[1]) < lengths[:, None]
    return {"clip": padded, "mask": mask.astype("int32")}
