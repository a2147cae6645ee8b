"""Batches by length: every example once, little padding, an order that can be resumed."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.datasets.batches.by_length import BucketedBatches

EXAMPLES = 1003
LENGTHS = np.random.default_rng(0).integers(1, 60, size=EXAMPLES)
WIDTHS = {8, 16, 24, 32, 40, 48, 56, 64}


def random_ragged(lengths, *features, low=1):
    """Random integers, a ragged tensor (examples, None, *features)."""
    generator = np.random.default_rng(len(features))
    flat = generator.integers(low, 100, size=(sum(lengths), *features)).astype("int32")
    return tf.RaggedTensor.from_row_lengths(flat, lengths)


WORDS = random_ragged(LENGTHS)
# Two inputs, one with features, and a label for each step: the number of the sentence.
INPUTS = {"words": WORDS, "characters": random_ragged(LENGTHS, 3, low=0)}
STEPS = tf.RaggedTensor.from_row_lengths(
    np.repeat(np.arange(EXAMPLES, dtype="int32"), LENGTHS), LENGTHS
)


def batches_of(inputs, labels, **options):
    return BucketedBatches(
        inputs, labels, **{"batch_size": 16, "shuffle": True, "seed": 3} | options
    )


@pytest.fixture(scope="module")
def batches():
    return batches_of([row.numpy() for row in WORDS], np.arange(EXAMPLES))


@pytest.fixture(scope="module")
def tagged_batches():
    return batches_of(INPUTS, STEPS)


def examples(dataset):
    return np.concatenate([label for _, label, *_ in dataset.as_numpy_iterator()])


def test_each_epoch_has_each_example_once_in_the_same_number_of_batches(batches):
    assert len(batches) == 63
    for epoch in range(3):
        dataset = batches.dataset(epoch)
        assert dataset.cardinality() == len(batches)
        labels = [label for _, label in dataset.as_numpy_iterator()]
        assert sorted(map(len, labels)) == [11] + [16] * 62
        np.testing.assert_array_equal(np.sort(np.concatenate(labels)), np.arange(EXAMPLES))


def test_batches_hold_their_sequences_padded_on_the_right(batches):
    rows = WORDS.to_list()
    for ids, labels in batches.dataset().as_numpy_iterator():
        assert ids.shape[1] == LENGTHS[labels].max()
        for row, label in zip(ids, labels, strict=True):
            assert row[: LENGTHS[label]].tolist() == rows[label]
            assert not row[LENGTHS[label] :].any()


def test_little_is_padding_and_batches_come_in_no_order_of_length(batches):
    def padding(all_indices):
        return 1 - LENGTHS.sum() / sum(len(i) * LENGTHS[i].max() for i in all_indices)

    at_random = np.split(np.arange(EXAMPLES), range(16, EXAMPLES, 16))
    assert padding(batches.indices(0)) < 0.2 * padding(at_random)
    lengths = [LENGTHS[indices[-1]] for indices in batches.indices(0)]
    assert lengths != sorted(lengths)


def test_the_order_is_a_function_of_seed_and_epoch(batches, tagged_batches):
    batches.dataset(0)  # drawing other epochs leaves no trace
    same, other = (batches_of(WORDS, np.arange(EXAMPLES), seed=seed) for seed in (3, 4))
    np.testing.assert_array_equal(examples(batches.dataset(2)), examples(same.dataset(2)))
    assert (examples(batches.dataset(2)) != examples(other.dataset(2))).any()
    for one, several in zip(batches.indices(2), tagged_batches.indices(2), strict=True):
        np.testing.assert_array_equal(one, several)
    first, second = ({frozenset(i.tolist()) for i in batches.indices(e)} for e in (0, 1))
    assert not first & second


def test_endless_goes_on_from_epoch_to_epoch_and_resumes_at_any(batches, tagged_batches):
    two = examples(batches.endless().take(2 * len(batches)))
    np.testing.assert_array_equal(two[:EXAMPLES], examples(batches.dataset(0)))
    np.testing.assert_array_equal(two[EXAMPLES:], examples(batches.dataset(1)))
    resumed = examples(batches.endless(first_epoch=1).take(len(batches)))
    np.testing.assert_array_equal(two[EXAMPLES:], resumed)
    assert batches.endless().cardinality() == tf.data.INFINITE_CARDINALITY
    endless = tagged_batches.endless(first_epoch=1).take(3).as_numpy_iterator()
    for one, other in zip(endless, tagged_batches.dataset(1).as_numpy_iterator(), strict=False):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)
    assert tagged_batches.endless().element_spec == tagged_batches.dataset().element_spec


def test_without_shuffle_all_is_sorted_by_length():
    batches = batches_of(WORDS, np.arange(EXAMPLES), shuffle=False)
    lengths = LENGTHS[np.concatenate(batches.indices(0))].tolist()
    assert lengths == sorted(lengths)
    np.testing.assert_array_equal(examples(batches.dataset(0)), examples(batches.dataset(5)))


def test_ragged_tensors_and_sequences_of_features():
    steps = [np.full((length, 3), length, dtype="float32") for length in (2, 5, 1)]
    lists = batches_of(steps, np.arange(3), batch_size=2, shuffle=False)
    assert lists.dataset().element_spec[0].shape.as_list() == [None, None, 3]
    shapes = [rows.shape for rows, _ in lists.dataset().as_numpy_iterator()]
    assert shapes == [(2, 2, 3), (1, 5, 3)]
    ragged = tf.ragged.constant([[1, 2], [3]], dtype=tf.int32)
    batches = batches_of(ragged, np.arange(2), shuffle=False)
    assert next(iter(batches.dataset()))[0].numpy().tolist() == [[3, 0], [1, 2]]


def test_inputs_of_several_kinds_and_labels_of_steps(tagged_batches):
    *expected, labels_of_all = (ragged.to_list() for ragged in (*INPUTS.values(), STEPS))
    assert tagged_batches.dataset().element_spec[0]["characters"].shape.as_list() == [None, None, 3]
    seen = []
    for indices, (ids, labels, counted) in zip(
        tagged_batches.indices(1), tagged_batches.dataset(1).as_numpy_iterator(), strict=True
    ):
        longest = LENGTHS[indices].max()
        assert ids.keys() == INPUTS.keys()
        assert ids["characters"].shape == (len(indices), longest, 3)
        assert ids["words"].shape == labels.shape == counted.shape == (len(indices), longest)
        assert ids["words"].dtype == ids["characters"].dtype == labels.dtype == "int32"
        assert counted.dtype == "float32"
        for row, index in enumerate(indices):
            length = LENGTHS[index]
            rows = zip((*ids.values(), labels), (*expected, labels_of_all), strict=True)
            for padded, of_all in rows:
                assert padded[row, :length].tolist() == of_all[index]
                assert not padded[row, length:].any()
            assert counted[row].tolist() == [1] * length + [0] * (longest - length)
        seen += list(indices)
    assert sorted(seen) == list(range(EXAMPLES))


def test_all_inputs_are_padded_to_a_multiple():
    widths = set()
    for ids, labels, counted in batches_of(INPUTS, STEPS, pad_to_multiple=8).dataset():
        widths |= {tensor.shape[1] for tensor in (*ids.values(), labels, counted)}
        assert ids["words"].shape == labels.shape == counted.shape == ids["characters"].shape[:2]
    assert widths == WIDTHS


def test_labels_and_weights_of_examples_follow_them():
    numbers = np.arange(EXAMPLES)
    batches = batches_of(INPUTS, numbers, sample_weight=numbers / 2)
    words = WORDS.to_list()
    for ids, labels, weights in batches.dataset().as_numpy_iterator():
        np.testing.assert_array_equal(weights, labels / 2)
        assert [row[row > 0].tolist() for row in ids["words"]] == [words[i] for i in labels]


@pytest.mark.parametrize(
    ("lengths", "labels", "options", "message"),
    [
        (([1, 2], [1, 3]), [1, 2], {}, "differ in length"),
        (([1, 2], [1, 2]), [2, 1], {}, "differ in length"),
        (([1, 2], [1]), [1, 2], {}, "as many"),
        (([1, 2], [1, 2]), [1, 2, 1], {}, "as many"),
        (([1, 0], [1, 0]), [1, 0], {}, "sequence 1 is empty"),
        (([1, 0], [1, 2]), [1, 2], {"independent": ("a",)}, "sequence 1 is empty"),
        (([1, 2], [1, 2]), [1, 2], {"sample_weight": np.ones(2)}, "sample_weight"),
    ],
)
def test_inputs_and_labels_that_do_not_fit_are_refused(lengths, labels, options, message):
    inputs = {name: random_ragged(n) for name, n in zip("ab", lengths, strict=True)}
    with pytest.raises(ValueError, match=message):
        batches_of(inputs, random_ragged(labels), **options)
    with pytest.raises(ValueError, match="as many"):
        batches_of([[1], [2]], [0])
    with pytest.raises(ValueError, match="sequence 1 is empty"):
        batches_of([[1], [], [2]], [0, 1, 0])


def test_inputs_with_lengths_of_their_own():
    """As pairs of a source and its translation have: each is padded by itself."""
    draw = np.random.default_rng(3)
    lengths = {name: draw.integers(1, 9, size=40) for name in ("source", "target")}
    ragged = {
        name: tf.RaggedTensor.from_row_lengths(np.arange(1, own.sum() + 1), own)
        for name, own in lengths.items()
    }
    own = {"independent": ("source",)}
    seen = {name: [] for name in lengths}
    for inputs, labels, weights in batches_of(
        ragged, ragged["target"], batch_size=8, **own
    ).dataset():
        np.testing.assert_array_equal(labels, inputs["target"])
        np.testing.assert_array_equal(weights, labels != 0)
        for name, ids in inputs.items():
            assert ids.shape[1] == (ids.numpy() != 0).sum(axis=1).max()
            seen[name] += [row[row != 0].tolist() for row in ids.numpy()]
    pairs = zip(*(ragged[name].to_list() for name in lengths), strict=True)
    assert sorted(zip(*seen.values(), strict=True)) == sorted(pairs)  # still beside each other
    plain = batches_of(ragged, ragged["target"], batch_size=1, shuffle=False, **own)
    order = np.concatenate(plain.indices())
    keys = list(zip(lengths["target"][order], lengths["source"][order], strict=True))
    assert keys == sorted(keys)
