"""The losses against the formulas written out in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import tiny_training as tiny

from zoo.training import BinarySequenceCrossentropy, SequenceCrossentropy

BATCH, TIMESTEPS, CLASSES = 3, 4, 5
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], dtype="float32")


@pytest.fixture
def generator():
    return np.random.default_rng(0)


@pytest.fixture
def logits(generator):
    return generator.normal(size=(BATCH, TIMESTEPS, CLASSES)).astype("float32")


@pytest.fixture
def targets(generator):
    return generator.integers(0, CLASSES, size=(BATCH, TIMESTEPS))


def softmax_steps(targets, logits):
    """-log ŷ of the target class at each step."""
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return -np.log(np.take_along_axis(probabilities, targets[..., None], axis=-1))[..., 0]


def binary_steps(targets, logits):
    probabilities = 1 / (1 + np.exp(-logits))
    losses = -targets * np.log(probabilities) - (1 - targets) * np.log(1 - probabilities)
    return losses.sum(axis=-1)


def reduced(steps, mask, reduction):
    divisor = len(steps) if reduction == "sum_over_time" else mask.sum()
    return (steps * mask).sum() / divisor


REDUCTIONS = pytest.mark.parametrize("reduction", ["sum_over_time", "mean_per_step"])


@REDUCTIONS
@pytest.mark.parametrize("mask", [MASK, np.ones_like(MASK)], ids=["masked", "whole"])
def test_softmax(reduction, mask, targets, logits):
    expected = reduced(softmax_steps(targets, logits), mask, reduction)
    loss = SequenceCrossentropy(reduction)
    np.testing.assert_allclose(loss(targets, logits, mask), expected, rtol=1e-5)
    probabilities = keras.ops.softmax(logits)
    from_probabilities = SequenceCrossentropy(reduction, from_logits=False)
    np.testing.assert_allclose(
        from_probabilities(targets, probabilities, mask), expected, rtol=1e-5
    )


@REDUCTIONS
def test_binary_with_one_and_with_several_outputs(reduction, generator):
    logits = generator.normal(size=(BATCH, TIMESTEPS, 3)).astype("float32")
    targets = generator.integers(0, 2, size=logits.shape)
    loss = BinarySequenceCrossentropy(reduction)
    expected = reduced(binary_steps(targets, logits), MASK, reduction)
    np.testing.assert_allclose(loss(targets, logits, MASK), expected, rtol=1e-5)

    one = reduced(binary_steps(targets[..., :1], logits[..., :1]), MASK, reduction)
    np.testing.assert_allclose(loss(targets[..., :1], logits[..., :1], MASK), one, rtol=1e-5)
    np.testing.assert_allclose(loss(targets[..., 0], logits[..., :1], MASK), one, rtol=1e-5)


@REDUCTIONS
def test_many_to_one_is_the_ordinary_cross_entropy(reduction, targets, logits):
    targets, logits = targets[:, 0], logits[:, 0]
    keras_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = keras_loss(targets, logits)
    loss = SequenceCrossentropy(reduction)
    np.testing.assert_allclose(loss(targets, logits), expected, rtol=1e-5)
    np.testing.assert_allclose(loss(targets[:, None], logits), expected, rtol=1e-5)

    keras_loss = keras.losses.BinaryCrossentropy(from_logits=True)
    expected = keras_loss(targets[:, None] % 2, logits[:, :1])
    loss = BinarySequenceCrossentropy(reduction)
    np.testing.assert_allclose(loss(targets % 2, logits[:, :1]), expected, rtol=1e-5)


@REDUCTIONS
def test_masked_steps_count_in_no_loss(reduction, targets, logits):
    loss = SequenceCrossentropy(reduction)
    before = loss(targets, logits, MASK)
    padded = MASK == 0
    targets[padded] = -1  # no class at all
    logits[padded] += 7
    np.testing.assert_allclose(before, loss(targets, logits, MASK), rtol=1e-6)


@REDUCTIONS
def test_gradient_is_that_of_finite_differences(reduction, targets, logits):
    loss = SequenceCrossentropy(reduction)
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        value = loss(targets, variable, MASK)
    gradient = tape.gradient(value, variable).numpy()

    def in_double_precision(logits):
        return reduced(softmax_steps(targets, logits), MASK, reduction)

    logits, width = logits.astype("float64"), 1e-5
    for index in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[index] = width
        difference = in_double_precision(logits + step) - in_double_precision(logits - step)
        np.testing.assert_allclose(gradient[index], difference / (2 * width), atol=1e-5)
    assert not gradient[MASK == 0].any()


@REDUCTIONS
def test_a_mask_carried_by_the_predictions_counts_once(reduction, targets):
    tokens = np.where(MASK, targets + 1, 0)
    inputs = keras.Input((None,), dtype="int32")
    hidden = keras.layers.Embedding(CLASSES + 1, 2, mask_zero=True)(inputs)
    hidden = keras.layers.LSTM(3, return_sequences=True)(hidden)
    model = keras.Model(inputs, keras.layers.Dense(CLASSES)(hidden))
    model.compile(loss=SequenceCrossentropy(reduction))

    steps = softmax_steps(targets, model.predict(tokens, verbose=0))
    expected = reduced(steps, MASK, reduction)
    carried = model.evaluate(tokens, targets, verbose=0)
    given_too = model.evaluate(tokens, targets, sample_weight=MASK, verbose=0)
    np.testing.assert_allclose([carried, given_too], expected, rtol=1e-5)


def test_weights_of_examples_and_of_steps(targets, logits):
    steps = softmax_steps(targets, logits)
    examples = np.array([2.0, 0.0, 0.5])
    weights = examples[:, None] * np.ones_like(steps)
    for reduction in ("sum_over_time", "mean_per_step"):
        expected = reduced(steps, weights, reduction)
        loss = SequenceCrossentropy(reduction)
        np.testing.assert_allclose(loss(targets, logits, examples), expected, rtol=1e-5)
        np.testing.assert_allclose(loss(targets, logits, weights), expected, rtol=1e-5)


def test_no_step_at_all_is_no_loss(targets, logits):
    for reduction in ("sum_over_time", "mean_per_step"):
        assert float(SequenceCrossentropy(reduction)(targets, logits, 0 * MASK)) == 0


def test_half_precision_predictions_are_reduced_in_single_precision():
    # The sum over these steps is far above 65504, the largest float16.
    logits = np.full((2, 20000, 2), 8, dtype="float16")
    loss = SequenceCrossentropy()(np.zeros((2, 20000), "int32"), logits)
    assert loss.dtype == "float32"
    np.testing.assert_allclose(loss, 20000 * np.log(2), rtol=1e-4)


def test_epoch_loss_is_the_mean_over_all_examples():
    tokens, targets, mask = tiny.corpus()
    model = tiny.network()
    reported = model.evaluate(tokens, targets, sample_weight=mask, batch_size=4, verbose=0)
    steps = softmax_steps(targets, model.predict(tokens, verbose=0))
    np.testing.assert_allclose(reported, (steps * mask).sum() / len(tokens), rtol=1e-5)


def test_wrong_arguments(targets, logits):
    with pytest.raises(ValueError, match=r"shape \(3, 4\)"):
        SequenceCrossentropy()(targets[:, 0], logits[:, 0], MASK)


def test_label_smoothing_is_the_loss_against_softened_targets():
    draw = np.random.default_rng(2)
    logits, targets = draw.normal(size=(3, 4, 5)), draw.integers(5, size=(3, 4))
    soft = 0.8 * np.eye(5)[targets] + 0.2 / 5
    log_softmax = logits - np.logaddexp.reduce(logits, axis=-1)[..., None]
    expected = -(soft * log_softmax).sum(axis=-1).mean()
    loss = SequenceCrossentropy("mean_per_step", label_smoothing=0.2)
    np.testing.assert_allclose(loss(targets, logits.astype("float32")), expected, rtol=1e-5)
    with pytest.raises(ValueError, match="needs `from_logits"):
        SequenceCrossentropy(from_logits=False, label_smoothing=0.1)
