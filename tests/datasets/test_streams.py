"""A stream of tokens in batches, and what is left of it when they are put together again."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.datasets.batches.streams import StreamBatches

START = 7
# Tokens, batch size and timesteps: fewer tokens than lanes, full batches, and anything between.
SIZES = [
    (1, 1, 1),
    (1, 4, 3),
    (3, 4, 1),
    (4, 4, 5),
    (5, 4, 5),
    (40, 4, 5),
    (41, 4, 5),
    (43, 4, 5),
    (1000, 1, 7),
]


def stream(tokens):
    return np.arange(100, 100 + tokens, dtype=np.int32)


def whole(batches, epoch=0):
    """All batches side by side: input ids, targets, weights, (lanes, steps), and `fresh`."""
    parts = list(batches.dataset(epoch).as_numpy_iterator())
    inputs, targets, weights = zip(*parts, strict=True)
    token_ids = np.concatenate([part["token_ids"] for part in inputs], axis=1)
    fresh = np.stack([part["fresh"] for part in inputs])
    return token_ids, np.concatenate(targets, axis=1), np.concatenate(weights, axis=1), fresh


def check(tokens, batch_size, timesteps):
    ids = stream(tokens)
    batches = StreamBatches(ids, batch_size, timesteps, START)
    token_ids, targets, weights, fresh = whole(batches)
    assert token_ids.shape == targets.shape == (batch_size, len(batches) * timesteps)
    counted = weights == 1
    # Lane after lane, the targets are the stream, and the inputs the stream a token earlier.
    np.testing.assert_array_equal(targets[counted], ids)
    np.testing.assert_array_equal(token_ids[counted], [START, *ids[:-1]])
    assert not token_ids[~counted].any()
    assert not targets[~counted].any()
    assert not weights[~counted].any()
    # A lane is filled from its beginning, and no lane is more than a token longer than another.
    lengths = counted.sum(axis=1)
    np.testing.assert_array_equal(
        counted, np.arange(targets.shape[1]) < lengths[:, None], strict=True
    )
    assert lengths.max() - lengths.min() <= 1
    assert len(batches) == np.ceil(lengths.max() / timesteps)
    assert fresh[0].all()
    assert not fresh[1:].any()


def test_lanes_put_together_give_the_stream_back():
    generator = np.random.default_rng(0)
    for sizes in [*SIZES, *generator.integers(1, (300, 20, 30), (12, 3)).tolist()]:
        check(*sizes)


def test_shapes_are_static_and_the_length_is_known():
    batches = StreamBatches(stream(100), 4, 6, START)
    inputs, targets, weights = batches.dataset().element_spec
    assert inputs == {
        "token_ids": tf.TensorSpec((4, 6), tf.int32),
        "fresh": tf.TensorSpec((4,), tf.bool),
    }
    assert (targets, weights) == (
        tf.TensorSpec((4, 6), tf.int32),
        tf.TensorSpec((4, 6), tf.float32),
    )
    assert batches.dataset().cardinality() == len(batches) == 5


def test_every_epoch_is_the_same():
    batches = StreamBatches(stream(50).astype(np.int64), 3, 4, START)
    for first, second in zip(whole(batches), whole(batches, epoch=5), strict=True):
        np.testing.assert_array_equal(first, second)


def test_an_empty_stream():
    with pytest.raises(ValueError, match="empty"):
        StreamBatches(stream(0), 4, 5, START)
