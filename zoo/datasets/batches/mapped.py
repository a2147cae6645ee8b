"""Batches that are changed on their way to the network, each time otherwise."""

from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from zoo.datasets.batches import shares
from zoo.datasets.batches.pipeline import prefetch_map


class _Batches(Protocol):
    def __len__(self) -> int: ...

    def dataset(self, epoch: int = 0) -> tf.data.Dataset: ...


class MappedBatches:
    """Batches with a function over them, which may draw by chance.

    What it draws depends on `seed`, the epoch and the place of the batch in it: a run that resumes
    sees what it would have seen.

    Args:
        batches: what to change, `BucketedBatches` for example.
        change: `change(seed, *batch)` -> the new batch, TensorFlow operations; `seed` is (2,) int64
            for `tf.random.stateless_...`.
        seed: integer from 0 on.
    """

    def __init__(self, batches: _Batches, change: Callable[..., Any], seed: int = 0):
        self.batches, self.change, self.seed = batches, change, seed

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self.batches)

    def dataset(self, epoch: int = 0) -> tf.data.Dataset:
        """The batches of one epoch.

        Under a `keras.distribution` they are this host's part of them (see `shares`), cut from
        whole batches, as what is drawn for one row may depend on the others.
        """
        run = tf.constant([self.seed, epoch], tf.int64)
        share = shares.current()

        def changed(index: tf.Tensor, batch: tuple) -> Any:
            batch = self.change(tf.random.fold_in(run, index, alg="philox"), *batch)
            return share.cut(*batch) if share else batch

        with shares.whole():
            batches = self.batches.dataset(epoch)
        return prefetch_map(batches.enumerate(), changed)
