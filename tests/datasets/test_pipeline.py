import tensorflow as tf

from zoo.datasets.batches.pipeline import prefetch_map


def test_elements_are_made_in_order_and_nothing_tunes_itself():
    """A thread that tunes would be waited for at the end of each epoch."""
    squares = prefetch_map(tf.data.Dataset.range(5), lambda n: n * n)
    assert list(squares.as_numpy_iterator()) == [0, 1, 4, 9, 16]
    assert squares.cardinality() == 5
    assert squares.options().autotune.enabled is False
