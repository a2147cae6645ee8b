"""Entities from tags, against `zoo.text.tags.spans`, whatever the tags."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.predictors.entities import entities
from zoo.text.tags import spans, tag_set

TAGS = tag_set(["LOC", "PER"])
# Another order, and types of which one continues another's name.
SHUFFLED = ["I-B", "B-BB", "O", "I-BB", "B-B"]


def expected(tags, probabilities, names):
    """(first, last, tag, probability) of each span of a row."""
    rows = spans([names[tag] for tag in tags])
    return [
        (
            span.start,
            span.end - 1,
            names.index(f"B-{span.type}"),
            min(probabilities[slice(*span[1:])]),
        )
        for span in rows
    ]


def rows(found):
    """The same of `Entities`, without its padding, which is checked."""
    fields = [field.numpy() for field in (found.first, found.last, found.tags, found.probabilities)]
    assert [field.dtype for field in fields] == ["int32", "int32", "int32", "float32"]
    assert len({field.shape for field in fields}) == 1
    padding = fields[0] < 0
    assert not (padding[:, :-1] & ~padding[:, 1:]).any(), "padding is on the right"
    assert padding.shape[1] == 0 or not padding.all(axis=0).any(), "no more padding than needed"
    for field, value in zip(fields, (-1, -1, 0, 0), strict=True):
        assert (field[padding] == value).all()
    return [
        [cells for cells in zip(*(field.tolist() for field in row), strict=True) if cells[0] >= 0]
        for row in zip(*fields, strict=True)
    ]


def random_batch(names, batch=300, timesteps=9, legal=False):
    """Tags, their probabilities, and lengths; what follows a row's length is random too."""
    generator = np.random.default_rng(0)
    tags = generator.integers(len(names), size=(batch, timesteps))
    if legal:
        for row in tags:
            for step, tag in enumerate(row):
                kind = names[tag][2:]
                before = names[row[step - 1]][2:] if step else ""
                if names[tag].startswith("I") and kind != before:
                    row[step] = names.index(f"B-{kind}")
    probabilities = generator.uniform(size=tags.shape).astype("float32")
    lengths = generator.integers(0, timesteps + 1, size=batch)
    return tags.astype("int32"), probabilities, lengths.astype("int32")


@pytest.mark.parametrize("legal", [False, True], ids=["any tags", "legal tags"])
@pytest.mark.parametrize("names", [TAGS, SHUFFLED], ids=["in order", "shuffled"])
def test_spans_of_random_tags(names, legal):
    tags, probabilities, lengths = random_batch(names, legal=legal)
    assert {0, 1, 9} <= set(lengths.tolist())
    found = rows(entities(tags, probabilities, lengths, names))
    for row, tag, probability, length in zip(found, tags, probabilities, lengths, strict=True):
        assert row == expected(tag[:length], probability[:length].tolist(), names)


def test_same_in_a_graph_of_any_size_and_nothing_to_find():
    tags, probabilities, lengths = random_batch(TAGS, 40)
    parts = lambda *arguments: vars(entities(*arguments, TAGS))  # noqa: E731
    signature = [((None, None), tf.int32), ((None, None), tf.float32), ((None,), tf.int32)]
    graph = tf.function(parts, input_signature=[tf.TensorSpec(*spec) for spec in signature])
    for batch, timesteps in ((40, 9), (1, 1), (0, 3), (2, 0), (0, 0)):
        of = (slice(batch), slice(timesteps))
        some = tags[of], probabilities[of], np.minimum(lengths[:batch], timesteps)
        expected = parts(*some)
        for name, found in graph(*some).items():
            np.testing.assert_array_equal(found, expected[name])
        outside = entities(0 * some[0] + TAGS.index("O"), *some[1:], TAGS)
        assert rows(outside) == [[]] * batch
