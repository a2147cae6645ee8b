"""`SpanF1` against seqeval's strict mode, whatever the tags; `Perplexity` against NumPy."""

import keras
import numpy as np
import pytest
import seqeval.metrics
import tensorflow as tf
from seqeval.scheme import IOB2
from support.reference import crossentropies

from zoo.layers import LinearChainCRF
from zoo.layers.crf import viterbi
from zoo.text.tags import tag_set
from zoo.training import ChainCrossentropy, Perplexity, SequenceCrossentropy, SpanF1

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


CLASSES = 6


def steps(seed, batch=4, timesteps=5):
    """Targets, logits and weights, a third of them 0."""
    generator = np.random.default_rng(seed)
    targets = generator.integers(CLASSES, size=(batch, timesteps)).astype("int32")
    logits = generator.normal(scale=2, size=(batch, timesteps, CLASSES)).astype("float32")
    weights = (generator.uniform(size=(batch, timesteps)) > 1 / 3).astype("float32")
    return targets, logits, weights


def by_numpy(targets, logits, weights):
    return np.exp((crossentropies(targets, logits) * weights).sum() / weights.sum())


def perplexity(*step):
    return float(Perplexity()(*step))


def test_perplexity_of_half_precision_is_made_in_single_precision():
    targets, logits, weights = steps(0)
    half = keras.ops.cast(logits, "bfloat16")
    expected = by_numpy(targets, keras.ops.cast(half, "float32"), weights)
    np.testing.assert_allclose(perplexity(targets, half, weights), expected, rtol=1e-5)


def test_perplexity_has_weights_that_weigh_the_steps_and_leave_out_what_is_no_class():
    targets, logits, weights = steps(3)
    of_rows = np.array([1, 0, 3, 0.5], "float32")
    everywhere = np.broadcast_to(of_rows[:, None], targets.shape)
    of_steps = weights * np.linspace(0.5, 2, 5, dtype="float32")
    for given, counted in (
        ((), np.ones_like(weights)),
        ((of_rows,), everywhere),
        ((of_steps,), of_steps),
    ):
        expected = by_numpy(targets, logits, counted)
        for padding in (-1, CLASSES, 10**6):
            padded = np.where(counted > 0, targets, padding)
            np.testing.assert_allclose(perplexity(padded, logits, *given), expected, rtol=1e-5)


def test_perplexity_counts_the_mask_of_the_predictions_too():
    targets, logits, weights = steps(4)
    mask = np.arange(5) < np.array([[5], [2], [3], [1]])
    predictions = keras.ops.convert_to_tensor(logits)
    keras.src.backend.set_keras_mask(predictions, keras.ops.convert_to_tensor(mask))
    expected = by_numpy(targets, logits, weights * mask)
    np.testing.assert_allclose(perplexity(targets, predictions, weights), expected, rtol=1e-5)


def test_perplexity_of_impossible_targets_and_of_no_steps():
    targets, logits, weights = steps(7)
    far = np.where(np.eye(CLASSES)[targets], -2e4, 0).astype("float32")
    assert perplexity(targets, far, weights) == np.inf
    assert perplexity(targets, logits, 0 * weights) == float(Perplexity().result()) == 1


def test_perplexity_in_evaluate_is_exp_of_the_loss_of_one_batch_but_not_of_the_batches_mean():
    targets, logits, weights = steps(9, batch=12)
    weights[:4, 1:] = 0
    inputs = keras.Input((None, CLASSES))
    model = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    model.compile(loss=SequenceCrossentropy("mean_per_step"), weighted_metrics=[Perplexity()])
    expected = by_numpy(targets, logits, weights)
    options = {"sample_weight": weights, "verbose": 0, "return_dict": True}
    for batch_size, same in ((12, True), (4, False)):  # the metric is reset between the two
        figures = model.evaluate(logits, targets, batch_size, **options)
        np.testing.assert_allclose(figures["perplexity"], expected, rtol=1e-5)
        assert np.isclose(np.exp(figures["loss"]), expected, rtol=1e-5) == same
