"""Batches of sequences of similar length, in an order that depends on the seed and epoch alone."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.datasets.batches import shares
from zoo.datasets.batches.pipeline import prefetch_map
from zoo.layers.recurrence import rounded_up

# Batches to draw before sorting by length. More of them mean less padding, but also that the same
# examples meet in every epoch, which is why a pool is never more than a quarter of an epoch.
POOL = 64


class BucketedBatches:
    """Groups sequences by length, so that little of a batch is padding.

    Each epoch draws the examples in a new order, sorts them by length within pools of some batches,
    cuts the pools into batches, and draws the order of the batches. All of it follows from `seed`
    and the number of the epoch: a run that resumes at an epoch sees the batches that it would have
    seen without the interruption. Every epoch has each example once, in the same number of batches.

    Args:
        sequences: one array of shape (timesteps,) or (timesteps, features) for each example, or a
            ragged tensor of them, or a dict of ragged tensors of the same lengths, for a network
            of several inputs. None may be empty: recurrent kernels of GPUs take no empty row.
        labels: (examples, ...) array; or a ragged tensor of one label for each step, which makes a
            third component of each batch: (batch, timesteps) float32, 1 where there is a label;
            or, if they are not `aligned`, one of as many labels as there are.
        batch_size: examples in a batch; the last ones may make a smaller batch.
        shuffle: False for evaluation: all sequences sorted by length, the same in each epoch.
        seed: of the order.
        sample_weight: (examples,) array, for a third component in each batch; not with labels of
            steps.
        independent: names of the inputs whose lengths are their own, as those of a source are that
            is translated into the labels. They are padded by themselves, and examples are grouped
            by the lengths of the others first.
        aligned: whether labels of a ragged tensor are those of the steps.
        pad_to_multiple: pads each batch to a length that this number divides, which keeps compilers
            that specialise on shapes, as XLA does, from compiling for each length that occurs. On
            JAX, where XLA compiles all of a training step, the lengths are few anyway: four for
            each doubling.

    Raises:
        ValueError: a sequence is empty, or the arguments differ in their number of examples.
    """

    def __init__(
        self,
        sequences: Sequence[np.ndarray] | tf.RaggedTensor | dict[str, tf.RaggedTensor],
        labels: Any,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int = 0,
        sample_weight: np.ndarray | None = None,
        independent: Sequence[str] = (),
        aligned: bool = True,
        pad_to_multiple: int = 1,
    ):
        if not isinstance(sequences, tf.RaggedTensor | dict):
            lengths = [len(sequence) for sequence in sequences]
            sequences = tf.RaggedTensor.from_row_lengths(np.concatenate(sequences), lengths)
        by_name: Any = sequences if isinstance(sequences, dict) else {None: sequences}
        self._sequences = by_name
        of_steps = aligned and isinstance(labels, tf.RaggedTensor)
        self._labels_of_steps: Any = labels if of_steps else None
        if of_steps and sample_weight is not None:
            raise ValueError("labels of steps make their own weights: leave sample_weight out")
        given = [] if of_steps else [labels]
        given += [] if sample_weight is None else [sample_weight]
        self._targets = tuple(
            target if isinstance(target, tf.RaggedTensor) else tf.convert_to_tensor(target)
            for target in given
        )

        self._lengths = {name: s.row_lengths().numpy() for name, s in self._sequences.items()}
        every_length = [self._lengths[name] for name in self._lengths if name not in independent]
        if self._labels_of_steps is not None:
            every_length.append(self._labels_of_steps.row_lengths().numpy())
        self.lengths = every_length[0]
        own = [self._lengths[name] for name in independent]
        for lengths in (self.lengths, *own):
            if not lengths.all():
                raise ValueError(f"sequence {int(lengths.argmin())} is empty")
        sizes = [*map(len, every_length), *map(len, own), *(int(t.shape[0]) for t in self._targets)]
        if any(size != len(self.lengths) for size in sizes):
            raise ValueError("sequences, labels and sample_weight must be as many")
        if any((lengths != self.lengths).any() for lengths in every_length):
            raise ValueError("the inputs, or the labels of the steps, differ in length")
        self._grouped_by = (*reversed(own), self.lengths)  # the last one first, for `np.lexsort`
        self.batch_size, self.pad_to_multiple = batch_size, pad_to_multiple
        self.shuffle, self.seed = shuffle, seed

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.lengths) // self.batch_size)

    def indices(self, epoch: int = 0) -> list[np.ndarray]:
        """The examples in each batch of an epoch: what `dataset` yields, by index."""
        if not self.shuffle:
            return self._cut(self._by_length(np.arange(len(self.lengths))))
        generator = np.random.default_rng((self.seed, epoch))
        order = generator.permutation(len(self.lengths))
        pool_size = min(POOL, max(1, len(self) // 4)) * self.batch_size
        pools = np.split(order, range(pool_size, len(order), pool_size))
        batches = [batch for pool in pools for batch in self._cut(self._by_length(pool))]
        return [batches[i] for i in generator.permutation(len(batches))]

    def dataset(self, epoch: int = 0) -> tf.data.Dataset:
        """The batches of one epoch, (sequences, labels) or (sequences, labels, sample_weight).

        The sequences, or each of a dict of them, are (batch, timesteps, ...), padded with 0 on the
        right. Under a `keras.distribution` they are this host's part of it: see `shares`.
        """
        # TensorFlow's own threads make the batches: no Python runs between the steps of training.
        batches = self.indices(epoch)
        chosen = tf.RaggedTensor.from_row_lengths(np.concatenate(batches), list(map(len, batches)))
        return prefetch_map(tf.data.Dataset.from_tensor_slices(chosen), self._gather)

    def endless(self, first_epoch: int = 0) -> tf.data.Dataset:
        """The batches of one epoch after another, without end, as `dataset` has them.

        For one call of `fit` over many epochs, on any backend and under `tf.distribute`:
        `fit(batches.endless(epoch), steps_per_epoch=len(batches), initial_epoch=epoch, epochs=n)`.
        """

        def all_indices() -> Iterator[np.ndarray]:
            for epoch in itertools.count(first_epoch):
                yield from self.indices(epoch)

        signature = tf.TensorSpec((None,), tf.int64)
        chosen = tf.data.Dataset.from_generator(all_indices, output_signature=signature)
        batches = prefetch_map(chosen, self._gather)
        return batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))

    def _by_length(self, examples: np.ndarray) -> np.ndarray:
        return examples[np.lexsort([lengths[examples] for lengths in self._grouped_by])]

    def _cut(self, order: np.ndarray) -> list[np.ndarray]:
        return np.split(order, range(self.batch_size, len(order), self.batch_size))

    def _gather(self, indices: tf.Tensor) -> tuple:
        own: tf.Tensor = indices
        divided: tuple = ()
        if share := shares.current():
            divides, begin, end = share.rows(tf.size(indices))
            own, divided = indices[begin:end], (divides,)

        def padded(ragged: tf.RaggedTensor, lengths: Any) -> tf.Tensor:
            """The rows, as wide as the whole batch, of which they may be a part."""
            return _padded(tf.gather(ragged, own), self._timesteps(lengths, indices))

        inputs = {name: padded(s, self._lengths[name]) for name, s in self._sequences.items()}
        targets = tuple(
            padded(target, target.row_lengths())
            if isinstance(target, tf.RaggedTensor)
            else tf.gather(target, own)
            for target in self._targets
        )
        if self._labels_of_steps is not None:
            labels = self._labels_of_steps
            counted = labels.with_flat_values(tf.ones_like(labels.flat_values, tf.float32))
            targets = tuple(padded(target, self.lengths) for target in (labels, counted))
        return *divided, inputs.get(None, inputs), *targets

    def _timesteps(self, lengths: Any, indices: tf.Tensor) -> tf.Tensor:
        longest = tf.reduce_max(tf.gather(lengths, indices))
        if self.pad_to_multiple == 1 and keras.backend.backend() == "jax":
            return tf.cast(rounded_up(tf.cast(longest, tf.int32)), tf.int64)
        return -(-longest // self.pad_to_multiple) * self.pad_to_multiple


def _padded(ragged: tf.RaggedTensor, timesteps: tf.Tensor) -> tf.Tensor:
    features = ragged.shape[2:]  # of a step; () for ids
    dense = ragged.to_tensor(shape=tf.stack([-1, timesteps, *features]))
    return tf.ensure_shape(dense, [None, None, *features])
