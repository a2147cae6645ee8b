"""Batches of one text and of sequences by length: each example once, in an order to resume."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.datasets.batches.by_length import BucketedBatches
from zoo.datasets.batches.mapped import MappedBatches
from zoo.datasets.batches.streams import StreamBatches

EXAMPLES = 503
LENGTHS = np.random.default_rng(0).integers(1, 60, size=EXAMPLES)


def random_ragged(lengths, *features):
    """Random integers, a ragged tensor (examples, None, *features)."""
    generator = np.random.default_rng(len(features))
    flat = generator.integers(1, 100, size=(sum(lengths), *features)).astype("int32")
    return tf.RaggedTensor.from_row_lengths(flat, lengths)


WORDS = random_ragged(LENGTHS)
# Two inputs, one with features, and a label for each step: the number of the sentence.
INPUTS = {"words": WORDS, "characters": random_ragged(LENGTHS, 3)}
NUMBERS = np.repeat(np.arange(1, EXAMPLES + 1, dtype="int32"), LENGTHS)
STEPS = tf.RaggedTensor.from_row_lengths(NUMBERS, LENGTHS)


def batches_of(inputs, labels, **options):
    options = {"batch_size": 16, "shuffle": True, "seed": 3} | options
    return BucketedBatches(inputs, labels, **options)


@pytest.fixture(scope="module")
def batches():
    return batches_of([row.numpy() for row in WORDS], np.arange(EXAMPLES))


def labels_of(dataset):
    return np.concatenate([label for _, label, *_ in dataset.as_numpy_iterator()])


def test_each_epoch_has_each_example_once_padded_on_the_right(batches):
    rows = WORDS.to_list()
    for epoch in range(2):
        dataset, seen = batches.dataset(epoch), []
        assert dataset.cardinality() == len(batches) == 32
        for ids, labels in dataset.as_numpy_iterator():
            assert len(labels) in (7, 16)
            assert ids.shape[1] == LENGTHS[labels].max()
            for row, label in zip(ids, labels, strict=True):
                assert row[: LENGTHS[label]].tolist() == rows[label]
                assert not row[LENGTHS[label] :].any()
            seen += labels.tolist()
        assert sorted(seen) == list(range(EXAMPLES))


def test_little_is_padding_and_batches_come_in_no_order_of_length(batches):
    def padding(all_indices):
        return 1 - LENGTHS.sum() / sum(len(i) * LENGTHS[i].max() for i in all_indices)

    at_random = np.split(np.arange(EXAMPLES), range(16, EXAMPLES, 16))
    assert padding(batches.indices(0)) < 0.25 * padding(at_random)
    lengths = [LENGTHS[indices[-1]] for indices in batches.indices(0)]
    assert lengths != sorted(lengths)
    in_order = batches_of(WORDS, np.arange(EXAMPLES), shuffle=False)
    lengths = LENGTHS[labels_of(in_order.dataset(5))].tolist()
    assert lengths == sorted(lengths)


def test_the_order_is_a_function_of_seed_and_epoch(batches):
    batches.dataset(0)  # drawing other epochs leaves no trace
    order = labels_of(batches.dataset(2))
    same, other = (batches_of(WORDS, np.arange(EXAMPLES), seed=seed) for seed in (3, 4))
    np.testing.assert_array_equal(order, labels_of(same.dataset(2)))
    assert (order != labels_of(other.dataset(2))).any()
    first, second = ({frozenset(i.tolist()) for i in batches.indices(e)} for e in (0, 1))
    assert not first & second


def test_endless_goes_on_from_epoch_to_epoch_and_resumes_at_any(batches):
    two = labels_of(batches.endless().take(2 * len(batches)))
    np.testing.assert_array_equal(two[:EXAMPLES], labels_of(batches.dataset(0)))
    np.testing.assert_array_equal(two[EXAMPLES:], labels_of(batches.dataset(1)))
    resumed = labels_of(batches.endless(first_epoch=1).take(len(batches)))
    np.testing.assert_array_equal(two[EXAMPLES:], resumed)
    assert batches.endless().cardinality() == tf.data.INFINITE_CARDINALITY
    assert batches.endless().element_spec == batches.dataset().element_spec


@pytest.mark.parametrize("multiple", [1, 8])
def test_inputs_of_several_kinds_and_labels_of_steps(multiple):
    batches = batches_of(INPUTS, STEPS, pad_to_multiple=multiple)
    assert batches.dataset().element_spec[0]["characters"].shape.as_list() == [None, None, 3]
    expected = {name: ragged.to_list() for name, ragged in INPUTS.items()}
    seen = []
    for ids, labels, counted in batches.dataset(1).as_numpy_iterator():
        assert (ids.keys(), counted.dtype) == (INPUTS.keys(), "float32")
        indices = labels[:, 0] - 1
        steps = -(-LENGTHS[indices].max() // multiple) * multiple
        within = np.arange(steps) < LENGTHS[indices, None]
        np.testing.assert_array_equal(counted, within)
        np.testing.assert_array_equal(labels, within * labels[:, :1])
        for name, of_all in expected.items():
            assert ids[name].dtype == labels.dtype == "int32"
            assert (ids[name].shape[:2], ids[name][~within].any()) == (within.shape, False)
            for row, index in zip(ids[name], indices, strict=True):
                assert row[: LENGTHS[index]].tolist() == of_all[index]
        seen += indices.tolist()
    assert sorted(seen) == list(range(EXAMPLES))
    numbers = np.arange(EXAMPLES)
    weighed = batches_of(INPUTS, numbers, sample_weight=numbers / 2).dataset()
    assert all((labels == 2 * weights).all() for _, labels, weights in weighed.as_numpy_iterator())


def test_inputs_and_labels_that_do_not_fit_are_refused():
    for lengths, labels, options, message in (
        (([1, 2], [1, 2]), [2, 1], {}, "differ in length"),
        (([1, 2], [1]), [1, 2], {}, "as many"),
        (([1, 2], [1, 2]), [1, 2, 1], {}, "as many"),
        (([1, 0], [1, 0]), [1, 0], {}, "sequence 1 is empty"),
        (([1, 0], [1, 2]), [1, 2], {"independent": ("a",)}, "sequence 1 is empty"),
        (([1, 2], [1, 2]), [1, 2], {"sample_weight": np.ones(2)}, "sample_weight"),
    ):
        inputs = {name: random_ragged(n) for name, n in zip("ab", lengths, strict=True)}
        with pytest.raises(ValueError, match=message):
            batches_of(inputs, random_ragged(labels), **options)
    with pytest.raises(ValueError, match="as many"):
        batches_of([[1], [2]], [0])


def test_inputs_with_lengths_of_their_own():
    """As pairs of a source and its translation have: each is padded by itself."""
    draw = np.random.default_rng(3)
    lengths = {name: draw.integers(1, 9, size=40) for name in ("source", "target")}
    ragged = {name: random_ragged(own) for name, own in lengths.items()}
    own = {"independent": ("source",)}
    batches, seen = batches_of(ragged, ragged["target"], batch_size=8, **own), []
    for inputs, labels, weights in batches.dataset().as_numpy_iterator():
        np.testing.assert_array_equal(labels, inputs["target"])
        np.testing.assert_array_equal(weights, labels != 0)
        for ids in inputs.values():
            assert ids.shape[1] == (ids != 0).sum(axis=1).max()
        rows = zip(inputs["source"], inputs["target"], strict=True)
        seen += [[ids[ids != 0].tolist() for ids in pair] for pair in rows]
    pairs = zip(ragged["source"].to_list(), ragged["target"].to_list(), strict=True)
    assert sorted(seen) == sorted(map(list, pairs))  # still beside each other
    plain = batches_of(ragged, ragged["target"], batch_size=1, shuffle=False, **own)
    order = np.concatenate(plain.indices())
    keys = list(zip(lengths["target"][order], lengths["source"][order], strict=True))
    assert keys == sorted(keys)


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
    fresh = [part["fresh"].tolist() for part in inputs]
    assert fresh == [[number == 0] * lanes for number in range(len(batches))]


def test_shapes_are_static_and_the_length_is_known():
    batches = StreamBatches(np.arange(100), 4, 6, START)
    ids, fresh = tf.TensorSpec((4, 6), tf.int32), tf.TensorSpec((4,), tf.bool)
    expected = ({"token_ids": ids, "fresh": fresh}, ids, tf.TensorSpec((4, 6), tf.float32))
    assert batches.dataset().element_spec == expected
    assert batches.dataset().cardinality() == len(batches) == 5
    with pytest.raises(ValueError, match="empty"):
        StreamBatches(np.arange(0), 4, 5, START)


def test_labels_that_are_not_of_steps_have_lengths_of_their_own():
    """As letters of speech, padded by themselves and beside their sequence."""
    lengths = np.random.default_rng(5).integers(1, 9, size=EXAMPLES)
    rows = np.repeat(np.arange(1, EXAMPLES + 1, dtype="int32"), lengths)
    labels, seen = tf.RaggedTensor.from_row_lengths(rows, lengths), []
    expected = WORDS.to_list()
    for ids, found in batches_of(WORDS, labels, aligned=False).dataset().as_numpy_iterator():
        indices = found[:, 0] - 1
        within = np.arange(lengths[indices].max()) < lengths[indices, None]
        np.testing.assert_array_equal(found, within * found[:, :1])
        for row, index in zip(ids, indices, strict=True):
            assert row[: LENGTHS[index]].tolist() == expected[index]
        seen += indices.tolist()
    assert sorted(seen) == list(range(EXAMPLES))


def test_what_changes_batches_draws_by_seed_epoch_and_place(batches):
    def drawn(seed, epoch):
        changed = MappedBatches(batches, lambda key, ids, labels: (key, labels), seed)
        assert len(changed) == len(batches)
        keys, labels = zip(*changed.dataset(epoch).as_numpy_iterator(), strict=True)
        np.testing.assert_array_equal(np.concatenate(labels), labels_of(batches.dataset(epoch)))
        return {tuple(key.tolist()) for key in keys}

    one, again, other_seed, other_epoch = (drawn(*by) for by in ((1, 0), (1, 0), (2, 0), (1, 1)))
    assert one == again
    assert len(one | other_seed | other_epoch) == 3 * len(batches)
