"""Batches by length: every example once, little padding, an order that can be resumed."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.datasets.batches.by_length import BucketedBatches

EXAMPLES = 1003


@pytest.fixture(scope="module")
def sequences():
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 60, size=EXAMPLES)
    return [generator.integers(1, 100, size=length) for length in lengths]


@pytest.fixture
def batches(sequences):
    return BucketedBatches(sequences, np.arange(EXAMPLES), batch_size=16, shuffle=True, seed=3)


def examples(dataset):
    return np.concatenate([label for _, label, *_ in dataset.as_numpy_iterator()])


def test_each_epoch_has_each_example_once_in_the_same_number_of_batches(batches):
    assert len(batches) == 63
    for epoch in range(3):
        dataset = batches.dataset(epoch)
        assert dataset.cardinality() == len(batches)
        labels = [label for _, label in dataset.as_numpy_iterator()]
        assert len(labels) == len(batches)
        assert sorted(map(len, labels)) == [11] + [16] * 62
        np.testing.assert_array_equal(np.sort(np.concatenate(labels)), np.arange(EXAMPLES))


def test_batches_hold_their_sequences_padded_on_the_right(batches, sequences):
    for ids, labels in batches.dataset():
        assert ids.shape[1] == max(len(sequences[label]) for label in labels)
        for row, label in zip(ids.numpy(), labels.numpy(), strict=True):
            length = len(sequences[label])
            np.testing.assert_array_equal(row[:length], sequences[label])
            assert not row[length:].any()


def test_little_is_padding(batches, sequences):
    def padding(all_indices):
        cells = sum(len(i) * max(len(sequences[j]) for j in i) for i in all_indices)
        return 1 - sum(map(len, sequences)) / cells

    at_random = np.split(np.arange(EXAMPLES), range(16, EXAMPLES, 16))
    assert padding(batches.indices(0)) < 0.2 * padding(at_random)


def test_the_order_is_a_function_of_seed_and_epoch(batches, sequences):
    same = BucketedBatches(sequences, np.arange(EXAMPLES), batch_size=16, shuffle=True, seed=3)
    batches.dataset(0)  # drawing other epochs leaves no trace
    np.testing.assert_array_equal(examples(batches.dataset(2)), examples(same.dataset(2)))
    other = BucketedBatches(sequences, np.arange(EXAMPLES), batch_size=16, shuffle=True, seed=4)
    assert (examples(batches.dataset(2)) != examples(other.dataset(2))).any()


def test_epochs_differ_in_what_shares_a_batch_and_none_comes_by_length(batches, sequences):
    first, second = ({frozenset(i) for i in map(tuple, batches.indices(e))} for e in (0, 1))
    assert not first & second
    lengths = [len(sequences[indices[-1]]) for indices in batches.indices(0)]
    assert lengths != sorted(lengths)


def test_endless_goes_on_from_epoch_to_epoch_and_resumes_at_any(batches):
    two = examples(batches.endless().take(2 * len(batches)))
    np.testing.assert_array_equal(two[:EXAMPLES], examples(batches.dataset(0)))
    np.testing.assert_array_equal(two[EXAMPLES:], examples(batches.dataset(1)))
    resumed = examples(batches.endless(first_epoch=1).take(len(batches)))
    np.testing.assert_array_equal(two[EXAMPLES:], resumed)
    assert batches.endless().cardinality() == tf.data.INFINITE_CARDINALITY


def test_without_shuffle_all_is_sorted_by_length(sequences):
    batches = BucketedBatches(sequences, np.arange(EXAMPLES), batch_size=16, shuffle=False)
    lengths = [len(sequences[i]) for i in np.concatenate(batches.indices(0))]
    assert lengths == sorted(lengths)
    np.testing.assert_array_equal(examples(batches.dataset(0)), examples(batches.dataset(5)))


def test_ragged_tensors_and_sequences_of_features():
    steps = [np.full((length, 3), length, dtype="float32") for length in (2, 5, 1)]
    lists = BucketedBatches(steps, np.arange(3), batch_size=2, shuffle=False)
    assert lists.dataset().element_spec[0].shape.as_list() == [None, None, 3]
    shapes = [rows.shape for rows, _ in lists.dataset().as_numpy_iterator()]
    assert shapes == [(2, 2, 3), (1, 5, 3)]

    ragged = tf.ragged.constant([[1, 2], [3]], dtype=tf.int32)
    batches = BucketedBatches(ragged, np.arange(2), batch_size=2, shuffle=False)
    assert next(iter(batches.dataset()))[0].numpy().tolist() == [[3, 0], [1, 2]]


def random_ragged(lengths, *features, low=1):
    """Random integers, a ragged tensor (examples, None, *features)."""
    generator = np.random.default_rng(len(features))
    flat = generator.integers(low, 100, size=(sum(lengths), *features)).astype("int32")
    return tf.RaggedTensor.from_row_lengths(flat, lengths)


@pytest.fixture(scope="module")
def tagged(sequences):
    """Two inputs, one with features, and a label for each step: the number of the sentence too."""
    lengths = [len(sequence) for sequence in sequences]
    inputs = {"words": random_ragged(lengths), "characters": random_ragged(lengths, 3, low=0)}
    labels = tf.ragged.constant([[i] * n for i, n in enumerate(lengths)], tf.int32)
    return inputs, labels


@pytest.fixture
def tagged_batches(tagged):
    return BucketedBatches(*tagged, batch_size=16, shuffle=True, seed=3)


def test_inputs_of_several_kinds_and_labels_of_steps(tagged, tagged_batches, sequences):
    *expected, labels_of_all = (ragged.to_list() for ragged in (*tagged[0].values(), tagged[1]))
    seen = []
    for indices, (ids, labels, counted) in zip(
        tagged_batches.indices(1), tagged_batches.dataset(1).as_numpy_iterator(), strict=True
    ):
        longest = max(len(sequences[i]) for i in indices)
        assert ids.keys() == tagged[0].keys()
        assert ids["characters"].shape == (len(indices), longest, 3)
        assert ids["words"].shape == labels.shape == counted.shape == (len(indices), longest)
        assert ids["words"].dtype == ids["characters"].dtype == labels.dtype == "int32"
        assert counted.dtype == "float32"
        for row, index in enumerate(indices):
            length = len(sequences[index])
            rows = zip((*ids.values(), labels), (*expected, labels_of_all), strict=True)
            for padded, of_all in rows:
                assert padded[row, :length].tolist() == of_all[index]
                assert not padded[row, length:].any()
            assert counted[row].tolist() == [1] * length + [0] * (longest - length)
        seen += list(indices)
    assert sorted(seen) == list(range(EXAMPLES))


def test_several_inputs_come_in_the_order_of_one(tagged_batches, batches):
    """Seed and epoch alone make the order, and `endless` goes on as `dataset` does."""
    for one, other in zip(tagged_batches.indices(2), batches.indices(2), strict=True):
        np.testing.assert_array_equal(one, other)
    endless = tagged_batches.endless(first_epoch=1).take(3).as_numpy_iterator()
    for one, other in zip(endless, tagged_batches.dataset(1).as_numpy_iterator(), strict=False):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)
    spec = tagged_batches.endless().element_spec
    assert spec == tagged_batches.dataset().element_spec
    assert spec[0]["characters"].shape.as_list() == [None, None, 3]


def test_several_inputs_are_padded_to_a_multiple(tagged):
    batches = BucketedBatches(*tagged, batch_size=16, shuffle=True, pad_to_multiple=8)
    widths = set()
    for ids, labels, counted in batches.dataset():
        widths.add(labels.shape[1])
        shapes = {tuple(tensor.shape[:2]) for tensor in (*ids.values(), labels, counted)}
        assert len(shapes) == 1
    assert widths == {8, 16, 24, 32, 40, 48, 56, 64}


def test_several_inputs_with_a_label_for_each_example(tagged):
    batches = BucketedBatches(
        tagged[0],
        np.arange(EXAMPLES),
        batch_size=16,
        shuffle=False,
        sample_weight=np.arange(EXAMPLES) / 2,
    )
    words = tagged[0]["words"].to_list()
    for ids, labels, weights in batches.dataset().as_numpy_iterator():
        np.testing.assert_array_equal(weights, labels / 2)
        for row, label in zip(ids["words"], labels, strict=True):
            assert row[row > 0].tolist() == words[label]


@pytest.mark.parametrize(
    ("lengths", "labels", "message"),
    [
        (([1, 2], [1, 3]), [1, 2], "differ in length"),
        (([1, 2], [1, 2]), [2, 1], "differ in length"),
        (([1, 2], [1]), [1, 2], "as many"),
        (([1, 2], [1, 2]), [1, 2, 1], "as many"),
        (([1, 0], [1, 0]), [1, 0], "sequence 1 is empty"),
    ],
)
def test_inputs_and_labels_that_do_not_fit_are_refused(lengths, labels, message):
    inputs = {name: random_ragged(n) for name, n in zip("ab", lengths, strict=True)}
    with pytest.raises(ValueError, match=message):
        BucketedBatches(inputs, random_ragged(labels), batch_size=2, shuffle=False)


def test_plain_sequences_that_do_not_fit_are_refused():
    for sequences, labels, message in (
        ([[1], [], [2]], [0, 1, 0], "sequence 1 is empty"),
        ([[1], [2]], [0], "as many"),
    ):
        with pytest.raises(ValueError, match=message):
            BucketedBatches(sequences, labels, batch_size=2, shuffle=False)
    ragged = {"source": tf.ragged.constant([[1], []]), "target": tf.ragged.constant([[1], [2]])}
    options = {"batch_size": 1, "shuffle": False, "independent": ("source",)}
    with pytest.raises(ValueError, match="sequence 1 is empty"):
        BucketedBatches(ragged, ragged["target"], **options)


def test_weights_beside_labels_of_steps_are_refused():
    ragged = random_ragged([1, 2])
    with pytest.raises(ValueError, match="sample_weight"):
        BucketedBatches(ragged, ragged, batch_size=2, shuffle=False, sample_weight=np.ones(2))


def test_inputs_with_lengths_of_their_own():
    """As pairs of a source and its translation have: each is padded by itself."""
    draw = np.random.default_rng(3)
    lengths = {name: draw.integers(1, 9, size=40) for name in ("source", "target")}
    ragged = {
        name: tf.RaggedTensor.from_row_lengths(np.arange(1, own.sum() + 1), own)
        for name, own in lengths.items()
    }
    batches = BucketedBatches(
        ragged,
        ragged["target"],
        batch_size=8,
        shuffle=True,
        independent=("source",),
    )
    seen = {name: [] for name in lengths}
    for inputs, labels, weights in batches.dataset():
        np.testing.assert_array_equal(labels, inputs["target"])
        np.testing.assert_array_equal(weights, labels != 0)
        for name, ids in inputs.items():
            assert ids.shape[1] == (ids.numpy() != 0).sum(axis=1).max()
            seen[name] += [row[row != 0].tolist() for row in ids.numpy()]
    pairs = zip(*(ragged[name].to_list() for name in lengths), strict=True)
    assert sorted(zip(*seen.values(), strict=True)) == sorted(pairs)  # still beside each other
    plain = BucketedBatches(
        ragged, ragged["target"], batch_size=1, shuffle=False, independent=("source",)
    )
    order = np.concatenate(plain.indices())
    keys = list(zip(lengths["target"][order], lengths["source"][order], strict=True))
    assert keys == sorted(keys)
