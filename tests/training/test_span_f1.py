"""`SpanF1` against seqeval's strict mode, whatever the tags."""

import keras
import numpy as np
import pytest
import seqeval.metrics
import tensorflow as tf
from seqeval.scheme import IOB2

from zoo.layers import LinearChainCRF
from zoo.layers.crf import viterbi
from zoo.text.tags import tag_set
from zoo.training import ChainCrossentropy, SequenceCrossentropy, SpanF1

TAGS = tag_set(["LOC", "PER"])
TIMESTEPS = 8


def sample(batch=200, seed=0, timesteps=TIMESTEPS):
    """True tags, tags half of which are right, and a mask; what is masked is random."""
    generator = np.random.default_rng(seed)
    true = generator.choice(len(TAGS), size=(batch, timesteps), p=[0.3, 0.2, 0.2, 0.1, 0.2])
    others = generator.integers(len(TAGS), size=true.shape)
    found = np.where(generator.uniform(size=(batch, 1)) < 0.5, true, others)
    lengths = generator.integers(0, timesteps + 1, size=batch)
    return true.astype("int32"), found, np.arange(timesteps) < lengths[:, None]


def logits(found):
    """Of which the given tags are the greatest, by little."""
    generator = np.random.default_rng(1)
    return (generator.uniform(size=(*found.shape, len(TAGS))) + np.eye(len(TAGS))[found]).astype(
        "float32"
    )


def potentials(found):
    """Log-potentials (batch, timesteps, tags, tags), mostly of logits."""
    generator = np.random.default_rng(2)
    of_pairs = generator.normal(scale=0.5, size=(*found.shape, len(TAGS), len(TAGS)))
    of_pairs[:, 0] = of_pairs[:, 0, :1]  # rows are alike at the first step
    return (2 * logits(found)[:, :, None, :] + of_pairs).astype("float32")


def seqeval_f1(true, found, mask):
    """F1 of tags by seqeval."""
    names = [
        [[TAGS[tag] for tag in row[counts]] for row, counts in zip(tags, mask, strict=True)]
        for tags in (true, found)
    ]
    return seqeval.metrics.f1_score(*names, mode="strict", scheme=IOB2, zero_division=0)


def test_as_seqeval_with_potentials():
    true, found, mask = sample()
    psi = potentials(found)
    best = np.array(viterbi(psi, mask)[0])
    assert (best != np.argmax(psi.mean(axis=2), axis=-1))[mask].any()  # the pairs matter
    metric = SpanF1(TAGS)
    metric.update_state(true, psi, mask.astype("float32"))
    np.testing.assert_allclose(metric.result(), seqeval_f1(true, best, mask), rtol=1e-6)
    everything, best = np.ones(true.shape, bool), np.array(viterbi(psi)[0])
    expected = seqeval_f1(true, best, everything)
    np.testing.assert_allclose(SpanF1(TAGS)(true, psi), expected, rtol=1e-6)


@pytest.mark.parametrize("names", [TAGS[::-1], ["I-PER", "O", "B-LOC", "B-PER", "I-LOC"]])
def test_neither_the_order_of_the_tags_matters_nor_what_pads_them(names):
    true, found, mask = sample()
    order = np.array([names.index(tag) for tag in TAGS])
    for padding in (-1, len(TAGS), 99):
        metric = SpanF1(names)
        padded = np.where(mask, order[true], padding)
        metric.update_state(padded, logits(found)[..., np.argsort(order)], mask)
        np.testing.assert_allclose(metric.result(), seqeval_f1(true, found, mask), rtol=1e-6)


def test_no_example_and_none_that_counts():
    metric = SpanF1(TAGS)
    true, found, mask = sample(5)
    metric.update_state(true[:0], logits(found)[:0], mask[:0])
    metric.update_state(true, logits(found), np.zeros_like(mask))
    assert float(metric.result()) == 0


def test_long_sequences_take_no_more_than_their_share_of_memory():
    """Eight times as long, eight times as much: a table of all pairs of steps takes 64 times."""
    sizes = []
    for timesteps in (50, 400):
        true, found, _ = sample(2, timesteps=timesteps)
        update = tf.function(SpanF1(TAGS).update_state)
        graph = update.get_concrete_function(tf.constant(true), tf.constant(logits(found))).graph
        tensors = [tensor for op in graph.get_operations() for tensor in op.outputs]
        ranked = [tensor.shape for tensor in tensors if tensor.shape.rank]
        sizes.append(max(shape.num_elements() or 0 for shape in ranked))
    assert 1 < sizes[1] / sizes[0] < 9


@pytest.mark.parametrize("loss", [SequenceCrossentropy, ChainCrossentropy])
def test_in_fit_and_evaluate(loss):
    """The figure of an epoch is that of all its batches together, and padding is not in it.

    Padding is told by weights with a softmax, by the mask of the model with a CRF.
    """
    true, ids, mask = sample()
    mask[:, 0] = True
    ids = np.where(mask, ids + 1, 0)
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(TAGS) + 1, len(TAGS), mask_zero=True)(inputs)
    arguments = {"batch_size": 16, "verbose": 0}
    if loss is ChainCrossentropy:
        model = keras.Model(inputs, LinearChainCRF()(x))
        model.compile("sgd", loss(), metrics=[SpanF1(TAGS)])
    else:
        model = keras.Model(inputs, x)
        model.compile("sgd", loss(), weighted_metrics=[SpanF1(TAGS)])
        arguments["sample_weight"] = mask.astype("float32")
    history = model.fit(ids, true, validation_split=0.25, **arguments).history
    assert {"f1", "val_f1"} <= history.keys()
    model.layers[1].set_weights([np.vstack([np.zeros(len(TAGS)), np.eye(len(TAGS))])])
    figures = model.evaluate(ids, true, return_dict=True, **arguments)
    assert 0.3 < figures["f1"] < 0.9
    np.testing.assert_allclose(figures["f1"], seqeval_f1(true, ids - 1, mask), rtol=1e-6)
