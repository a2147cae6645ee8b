"""One long stream of tokens, cut into batches that go on where the batch before ended."""

import numpy as np
import tensorflow as tf

from zoo.datasets.batches import shares
from zoo.datasets.batches.pipeline import prefetch_map
from zoo.text.special_tokens import PADDING_ID


class StreamBatches:
    """Cuts a stream into lanes of text that a network reads side by side, its state carried over.

    The stream is cut into `batch_size` lanes of one length, give or take a token, and the lanes
    into pieces of `timesteps` tokens. Batch i holds the i-th piece of every lane, so that row by
    row it goes on where the batch before ended: a state that is carried from batch to batch has
    seen the whole lane, while gradients flow within a piece alone (truncated backpropagation
    through time). The batches are the same in every epoch.

    Each token of the stream is the target of one step; the input of that step is the token before
    it in the stream, be it in another lane. What fills up the last piece has weight 0, and padding
    for its input and target.

    Args:
        ids: (tokens,) integers, the stream.
        batch_size: lanes.
        timesteps: steps in a piece, through which gradients flow.
        start_id: the token to read before the first one.

    Raises:
        ValueError: the stream is empty.
    """

    def __init__(self, ids: np.ndarray, batch_size: int, timesteps: int, start_id: int):
        if not len(ids):
            raise ValueError("the stream is empty")
        self.batch_size = batch_size
        self.timesteps = timesteps
        # The token of step i stands at i + 1, after its input.
        self._stream = tf.concat([[start_id], tf.cast(ids, tf.int32)], axis=0)
        shortest, longer = divmod(len(ids), batch_size)
        self._lengths = shortest + (np.arange(batch_size) < longer)  # of the lanes
        self._starts = np.cumsum(self._lengths) - self._lengths

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-int(self._lengths.max()) // self.timesteps)

    def dataset(self, epoch: int = 0) -> tf.data.Dataset:
        """The batches, in order, the same in every epoch.

        They are (inputs, targets, weights) of fixed shapes: `inputs` a dict of `token_ids`,
        (batch_size, timesteps) int32, and `fresh`, (batch_size,) bool, whether a row begins with no
        state, which all do in the first batch; `targets`, (batch_size, timesteps) int32; `weights`,
        (batch_size, timesteps) float32, 1 for a token and 0 for padding. Under a
        `keras.distribution` they are this host's lanes: see `shares`.
        """
        return prefetch_map(tf.data.Dataset.range(len(self)), self._piece)

    def _piece(self, index: tf.Tensor) -> tuple:
        share = shares.current()
        divided, begin, end = share.rows(self.batch_size) if share else (None, 0, self.batch_size)
        lengths, starts = self._lengths[begin:end], self._starts[begin:end]
        steps = index * self.timesteps + tf.range(self.timesteps, dtype=tf.int64)  # in the lane
        within = steps < lengths[:, None]  # (batch_size, timesteps)
        positions = tf.where(within, starts[:, None] + steps, 0)
        token_ids = tf.where(within, tf.gather(self._stream, positions), PADDING_ID)
        targets = tf.where(within, tf.gather(self._stream, positions + 1), PADDING_ID)
        fresh = tf.fill([end - begin], index == 0)
        piece = {"token_ids": token_ids, "fresh": fresh}, targets, tf.cast(within, tf.float32)
        return (divided, *piece) if share else piece
