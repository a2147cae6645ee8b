"""Which rows of a batch a host reads, where several of them train one model."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import tensorflow as tf


class Share(NamedTuple):
    """One host's part of every batch: rows of one length, those of the first host first.

    A batch that the devices cannot share evenly, as the last one of an epoch may be, goes to all of
    them whole. Each then computes what one device alone would, so that nothing is left out or
    counted twice.

    Attributes:
        host: which of the hosts this is, from 0.
        hosts: how many there are.
        devices: how many devices all of them have together.
    """

    host: int
    hosts: int
    devices: int

    def rows(self, size: Any) -> tuple[Any, Any, Any]:
        """Of a batch of `size` rows: whether it is divided, and where this share begins and ends.

        They are tensors, or those of an integer: a boolean and two integers.
        """
        divided = size % self.devices == 0
        part = size // self.hosts
        if isinstance(size, int):
            return (True, self.host * part, (self.host + 1) * part) if divided else (False, 0, size)
        begin = tf.where(divided, self.host * part, 0)
        return divided, begin, tf.where(divided, begin + part, size)

    def cut(self, *batch: Any) -> tuple:
        """This share of a whole batch, with whether it is divided before it."""
        divided, begin, end = self.rows(tf.shape(tf.nest.flatten(batch)[0])[0])
        return divided, *tf.nest.map_structure(lambda tensor: tensor[begin:end], batch)


def current() -> Share | None:
    """The share of this process under the `keras.distribution` in force; None without one.

    What the batches of the zoo give under it are the rows of the share alone, with a first
    component more: whether the batch is divided. `zoo.training.replicas` lays them out by it.
    """
    distribution = keras.distribution.distribution()
    if distribution is None:
        return None
    import jax

    return Share(jax.process_index(), jax.process_count(), distribution.num_model_replicas)


@contextlib.contextmanager
def whole() -> Iterator[None]:
    """Context in which batches are made whole, whatever the distribution in force."""
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)
