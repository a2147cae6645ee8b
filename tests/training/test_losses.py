"""The losses against the formulas written out in NumPy; that of chains, against all paths."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_expit, log_softmax
from support import chains
from support import tiny_training as tiny
from support.reference import central_differences, crossentropies

from zoo.training import BinarySequenceCrossentropy, ChainCrossentropy, SequenceCrossentropy

BATCH, TIMESTEPS, CLASSES = 3, 4, 5
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], dtype="float32")
GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(size=(BATCH, TIMESTEPS, CLASSES)).astype("float32")
TARGETS = GENERATOR.integers(0, CLASSES, size=(BATCH, TIMESTEPS))
ALLOWED = pytest.mark.parametrize("allowed", [None, chains.ALLOWED], ids=["all", "allowed"])
REDUCTIONS = pytest.mark.parametrize("reduction", ["sum_over_time", "mean_per_step"])


def binary_steps(targets, logits):
    losses = -targets * log_expit(logits) - (1 - targets) * log_expit(-logits)
    return losses.sum(axis=-1)


def reduced(steps, mask, reduction):
    divisor = len(steps) if reduction == "sum_over_time" else mask.sum()
    return (steps * mask).sum() / divisor


@REDUCTIONS
def test_softmax(reduction):
    """Of logits and of probabilities, whatever pads the targets, with any weights."""
    loss = SequenceCrossentropy(reduction)
    of_probabilities = SequenceCrossentropy(reduction, from_logits=False)
    steps = crossentropies(TARGETS, LOGITS)
    of_examples = np.array([2.0, 0.0, 0.5])
    for given, weights in (
        (MASK, MASK),
        (None, np.ones_like(MASK)),
        (of_examples, of_examples[:, None] * np.ones_like(MASK)),
        (of_examples[:, None] * MASK, of_examples[:, None] * MASK),
    ):
        expected = reduced(steps, weights, reduction)
        padded = np.where(weights > 0, TARGETS, -1)  # no class at all
        probabilities = keras.ops.softmax(LOGITS)
        np.testing.assert_allclose(loss(padded, LOGITS, given), expected, rtol=1e-5)
        found = of_probabilities(padded, probabilities, given)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert float(loss(TARGETS, LOGITS, 0 * MASK)) == 0


@REDUCTIONS
def test_binary_with_one_and_with_several_outputs(reduction):
    loss, targets = BinarySequenceCrossentropy(reduction), TARGETS % 2
    several = np.stack([targets, 1 - targets, targets], axis=-1)
    expected = reduced(binary_steps(several, LOGITS[..., :3]), MASK, reduction)
    np.testing.assert_allclose(loss(several, LOGITS[..., :3], MASK), expected, rtol=1e-5)
    expected = reduced(binary_steps(targets[..., None], LOGITS[..., :1]), MASK, reduction)
    for one in (targets, targets[..., None]):
        np.testing.assert_allclose(loss(one, LOGITS[..., :1], MASK), expected, rtol=1e-5)


@REDUCTIONS
def test_many_to_one_is_the_ordinary_cross_entropy(reduction):
    targets, logits = TARGETS[:, 0], LOGITS[:, 0]
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(targets, logits)
    for one in (targets, targets[:, None]):
        found = SequenceCrossentropy(reduction)(one, logits)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    of_keras = keras.losses.BinaryCrossentropy(from_logits=True)
    expected = of_keras(targets[:, None] % 2, logits[:, :1])
    found = BinarySequenceCrossentropy(reduction)(targets % 2, logits[:, :1])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@REDUCTIONS
def test_gradient(reduction):
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = SequenceCrossentropy(reduction)(TARGETS, logits, MASK)
    slopes = keras.ops.softmax(LOGITS) - np.eye(CLASSES)[TARGETS]
    divisor = BATCH if reduction == "sum_over_time" else MASK.sum()
    expected = slopes * MASK[..., None] / divisor
    np.testing.assert_allclose(tape.gradient(value, logits), expected, atol=1e-6)


def test_a_mask_carried_by_the_predictions_counts_once_in_every_batch():
    tokens, targets, mask = tiny.corpus()
    inputs = keras.Input((None,), dtype="int32")
    hidden = keras.layers.Embedding(tiny.CLASSES + 1, 2, mask_zero=True)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(tiny.CLASSES)(hidden))
    model.compile(loss=SequenceCrossentropy())
    tokens = (tokens + 1) * mask.astype("int32")
    steps = crossentropies(targets, model.predict(tokens, verbose=0))
    expected = (steps * mask).sum() / len(tokens)  # over batches of unequal size
    for weights in (None, mask):
        found = model.evaluate(tokens, targets, sample_weight=weights, batch_size=4, verbose=0)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_half_precision_predictions_are_reduced_in_single_precision():
    # The sum over these steps is far above 65504, the largest float16.
    logits = np.full((2, 20000, 2), 8, dtype="float16")
    loss = SequenceCrossentropy()(np.zeros((2, 20000), "int32"), logits)
    assert loss.dtype == "float32"
    np.testing.assert_allclose(loss, 20000 * np.log(2), rtol=1e-4)


def test_label_smoothing_is_the_loss_against_softened_targets():
    soft = 0.8 * np.eye(CLASSES)[TARGETS] + 0.2 / CLASSES
    expected = -(soft * log_softmax(LOGITS, axis=-1)).sum(axis=-1).mean()
    loss = SequenceCrossentropy("mean_per_step", label_smoothing=0.2)
    np.testing.assert_allclose(loss(TARGETS, LOGITS), expected, rtol=1e-5)


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"shape \(3, 4\)"):
        SequenceCrossentropy()(TARGETS[:, 0], LOGITS[:, 0], MASK)
    with pytest.raises(ValueError, match="needs `from_logits"):
        SequenceCrossentropy(from_logits=False, label_smoothing=0.1)


@pytest.fixture
def double_precision():
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


def legal_targets():
    """A possible path of each sequence, padded with what is no tag."""
    targets = np.full(chains.MASK.shape, -1)
    rows = chains.enumerations(-chains.logits(), allowed=chains.ALLOWED)
    for target, row, length in zip(targets, rows, chains.LENGTHS, strict=True):
        target[:length] = row.best()[0]
    return targets


@REDUCTIONS
@ALLOWED
def test_negative_log_likelihood(double_precision, reduction, allowed):
    targets = chains.targets() if allowed is None else legal_targets()
    rows = zip(chains.enumerations(chains.logits(), allowed=allowed), targets, chains.LENGTHS)  # noqa: B905
    total = -sum(row.log_probability(path[:length]) for row, path, length in rows)
    divisors = {"sum_over_time": chains.BATCH, "mean_per_step": chains.MASK.sum()}
    psi, loss = chains.potentials(allowed=allowed), ChainCrossentropy(reduction)
    assert psi._keras_mask is not None
    given = tf.identity(psi), chains.MASK.astype("float64")
    for arguments in ((psi,), given):
        found = loss(targets, *arguments)
        np.testing.assert_allclose(found, total / divisors[reduction], rtol=1e-9)


def test_steps_and_examples_are_weighed(double_precision):
    """A weight counts for its own term; the tags of a step of weight 0 are used by the next."""
    psi, targets = chains.potentials(mask=None), chains.targets()
    steps = np.array(ChainCrossentropy().call(targets, psi))
    of_steps = np.random.default_rng(5).integers(0, 3, size=steps.shape).astype("float64")
    assert (of_steps[:, :-1] == 0)[of_steps[:, 1:] > 0].any()
    expected = (steps * of_steps).sum() / of_steps.sum()
    found = ChainCrossentropy("mean_per_step")(targets, psi, of_steps)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    of_examples = np.array([2, 0, 0.5, 1, 0])
    expected = (steps.sum(axis=1) * of_examples).mean()
    np.testing.assert_allclose(ChainCrossentropy()(targets, psi, of_examples), expected, rtol=1e-9)


@pytest.mark.parametrize("wrong", [-1, chains.TAGS])
def test_a_target_that_counts_and_is_no_tag_is_no_number(wrong):
    psi, weights = chains.potentials(dtype="float32"), np.ones(chains.MASK.shape)
    for step in range(chains.TIMESTEPS):
        targets = chains.targets()
        targets[0, step] = wrong
        assert np.isnan(ChainCrossentropy()(targets, psi))
        # Weighed with 0 it is still the tag before the next step; but not where nothing follows.
        weights[0, : step + 1] = 0
        is_last = step == chains.TIMESTEPS - 1
        assert np.isnan(ChainCrossentropy()(targets, psi, weights)) != is_last
    empty = chains.potentials(dtype="float32", mask=0 * chains.MASK)
    assert float(ChainCrossentropy("mean_per_step")(chains.targets(), empty)) == 0


@ALLOWED
def test_gradients_are_those_of_finite_differences(double_precision, allowed):
    """Of the logits and of the weights of the layer, each step with a weight of its own."""
    targets, loss = legal_targets(), ChainCrossentropy("mean_per_step")
    weights = np.linspace(1, 2, chains.MASK.size).reshape(chains.MASK.shape)
    crf, arrays = chains.build_crf(allowed), [chains.logits(), *chains.weights()]

    @tf.function
    def of_logits(x):
        return loss(targets, crf(x, mask=chains.MASK), weights)

    def value():
        crf.set_weights(arrays[1:])
        return float(of_logits(tf.constant(arrays[0])))

    x = tf.constant(arrays[0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = of_logits(x)
    sources = [x, *(weight.value for weight in crf.trainable_variables)]
    gradients = tape.gradient(total, sources)
    for gradient, array in zip(gradients, arrays, strict=True):
        np.testing.assert_allclose(gradient, central_differences(value, array), atol=1e-7)
    assert not gradients[0].numpy()[~chains.MASK].any()
