"""A stream of tokens in batches, and what is left of it when they are put together again."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.datasets.batches.pipeline import prefetch_map
from zoo.datasets.batches.streams import StreamBatches

START = 7


# Fewer tokens than lanes, full batches, and anything between.
@pytest.mark.parametrize(
    ("tokens", "lanes", "timesteps"), [(1, 4, 3), (4, 4, 5), (5, 4, 5), (40, 4, 5), (43, 4, 5)]
)
def test_lanes_put_together_give_the_stream_back(tokens, lanes, timesteps):
    ids = np.arange(100, 100 + tokens)
    batches = StreamBatches(ids, lanes, timesteps, START)
    dataset = batches.dataset(epoch=5)  # every epoch is the same
    inputs, targets, weights = zip(*dataset.as_numpy_iterator(), strict=True)
    token_ids = np.concatenate([part["token_ids"] for part in inputs], axis=1)
    targets, weights = (np.concatenate(parts, axis=1) for parts in (targets, weights))
    assert token_ids.shape == targets.shape == (lanes, len(batches) * timesteps)
    counted = weights == 1
    # Lane after lane, the targets are the stream, and the inputs the stream a token earlier.
    np.testing.assert_array_equal(targets[counted], ids)
    np.testing.assert_array_equal(token_ids[counted], [START, *ids[:-1]])
    for padding in (token_ids, targets, weights):
        assert not padding[~counted].any()
    # A lane is filled from its beginning, and no lane is more than a token longer than another.
    lengths = counted.sum(axis=1)
    np.testing.assert_array_equal(counted, np.arange(targets.shape[1]) < lengths[:, None])
    assert lengths.max() - lengths.min() <= 1
    assert len(batches) == np.ceil(lengths.max() / timesteps)
    assert [part["fresh"].tolist() for part in inputs] == [
        [number == 0] * lanes for number in range(len(batches))
    ]


def test_shapes_are_static_and_the_length_is_known():
    batches = StreamBatches(np.arange(100), 4, 6, START)
    ids, fresh = tf.TensorSpec((4, 6), tf.int32), tf.TensorSpec((4,), tf.bool)
    expected = ({"token_ids": ids, "fresh": fresh}, ids, tf.TensorSpec((4, 6), tf.float32))
    assert batches.dataset().element_spec == expected
    assert batches.dataset().cardinality() == len(batches) == 5
    with pytest.raises(ValueError, match="empty"):
        StreamBatches(np.arange(0), 4, 5, START)


def test_elements_are_made_in_order_and_nothing_tunes_itself():
    """A thread that tunes would be waited for at the end of each epoch."""
    squares = prefetch_map(tf.data.Dataset.range(5), lambda n: n * n)
    assert list(squares.as_numpy_iterator()) == [0, 1, 4, 9, 16]
    assert squares.options().autotune.enabled is False
