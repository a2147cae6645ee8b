"""Connectionist temporal classification against the enumeration of all paths."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import label_paths
from support.label_paths import INFEASIBLE, LABEL_LENGTHS, LABELS, LENGTHS, MASK, Losses
from support.processors import made_in
from support.reference import central_differences

from zoo.training import CTC, ctc_loss, infeasible


def differentiate(x):
    """The losses of the targets, and the gradient of each, in logits (batch, steps, symbols)."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        losses = Losses()(x)
    return losses.numpy(), tape.gradient(losses, x).numpy()


def expected_gradients():
    """By finite differences of the sum over all paths."""
    gradients = np.zeros(label_paths.logits().shape)
    for i, row in enumerate(label_paths.rows(label_paths.logits())):
        loss = functools.partial(label_paths.expected_loss, row, label_paths.TARGETS[i])
        gradients[i, : len(row)] = central_differences(loss, row)
    return gradients


@pytest.mark.parametrize("padding", [np.nan, np.inf, 1e3])
def test_loss_is_that_of_all_paths(padding):
    losses, gradients = differentiate(label_paths.spoilt(padding))
    assert losses.dtype == "float32"
    expected = label_paths.expected_losses(label_paths.logits())
    np.testing.assert_allclose(losses, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradients, expected_gradients(), atol=1e-5)
    assert (losses[INFEASIBLE] == 0).all()
    assert not gradients[INFEASIBLE].any()
    assert not gradients[~MASK].any()


def test_infeasible_targets():
    np.testing.assert_array_equal(infeasible(LENGTHS, LABELS, LABEL_LENGTHS), INFEASIBLE)
    rows = map(label_paths.all_labellings, label_paths.rows(label_paths.logits()))
    reached = [target in row for target, row in zip(label_paths.TARGETS, rows, strict=True)]
    np.testing.assert_array_equal(INFEASIBLE, np.logical_not(reached))
    # What pads the labels is no label, be it equal to the last.
    padded = np.where(LABELS == 0, LABELS[:, :1], LABELS)
    np.testing.assert_array_equal(infeasible(LENGTHS, padded, LABEL_LENGTHS), INFEASIBLE)


def test_logits_far_apart():
    """Where a probability rounds to 0 the loss is no infinity, and the gradient as it should be."""
    x = tf.constant([[[0.0, -500.0], [0.0, -500.0]], [[0.0, -np.inf], [0.0, 0.0]]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        losses = ctc_loss(x, [2, 2], [[1], [1]], [1, 1])
    assert losses[0] > 70
    np.testing.assert_allclose(losses[1], np.log(2), rtol=1e-6)
    gradient = tape.gradient(losses, x).numpy()
    np.testing.assert_allclose(gradient[0], [[0.5, -0.5], [0.5, -0.5]], atol=1e-6)
    np.testing.assert_allclose(gradient[1], [[0, 0], [0.5, -0.5]], atol=1e-6)


def test_a_label_that_is_no_symbol_is_no_number():
    x = label_paths.logits()[:3]
    losses = ctc_loss(x, [5, 5, 5], [[1, 4], [1, -1], [1, 0]], [2, 2, 1]).numpy()
    np.testing.assert_array_equal(np.isnan(losses), [True, True, False])


@pytest.mark.parametrize("batch", [0, 3])
@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize("length", [0, 1])
def test_sizes_of_zero(batch, steps, length):
    integers = tf.TensorSpec((None,), tf.int32)
    matrix = tf.TensorSpec((None, None), tf.int32)
    signature = [tf.TensorSpec((None, None, 3)), integers, matrix, integers]
    graph = tf.function(ctc_loss, input_signature=signature, autograph=False)
    arguments = (
        np.zeros((batch, steps, 3), "float32"),
        np.full(batch, steps),
        np.ones((batch, length), "int32"),
        np.full(batch, length),
    )
    # One label in two steps of three symbols has three paths of nine, none has one.
    expected = {(0, 0): 0, (0, 1): 0, (2, 0): np.log(9), (2, 1): np.log(3)}[steps, length]
    for function in (ctc_loss, graph):
        np.testing.assert_allclose(function(*arguments), [expected] * batch, rtol=1e-6)


def expected_of_batch(reduction, weights):
    total = (label_paths.expected_losses(label_paths.logits()) * weights).sum()
    if reduction == "sum_over_time":
        return total / len(weights)
    return total / (LABEL_LENGTHS * weights)[~INFEASIBLE].sum()


@pytest.mark.parametrize("reduction", ["sum_over_time", "mean_per_step"])
def test_lengths_come_from_masks(reduction):
    """Given, or carried by the predictions, or both; and examples are weighed."""
    loss, x = CTC(reduction), label_paths.spoilt()
    of_examples = np.array([1, 0, 2, 0.5, 1, 3, 1, 1], "float32")
    plain, weighed = (
        expected_of_batch(reduction, weights) for weights in (np.ones(len(x)), of_examples)
    )
    np.testing.assert_allclose(loss(LABELS, x, MASK), plain, rtol=1e-5)
    found = loss(LABELS, x, MASK * of_examples[:, None])
    np.testing.assert_allclose(found, weighed, rtol=1e-5)
    carried = tf.constant(x)
    carried._keras_mask = tf.constant(MASK)
    for weights, expected in ((None, plain), (MASK, plain), (of_examples, weighed)):
        np.testing.assert_allclose(loss(LABELS, carried, weights), expected, rtol=1e-5)
    assert float(loss(LABELS, x, 0 * MASK)) == 0
    # Without a mask all steps are input.
    with_all = -label_paths.all_labellings(label_paths.logits()[1])[1, 1]
    np.testing.assert_allclose(CTC()(LABELS[1:2], label_paths.logits()[1:2]), with_all, rtol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_a_model_learns_in_any_precision(policy):
    x = np.where(MASK[..., None], label_paths.logits(), 9).astype("float32")
    with made_in(policy):
        inputs = keras.Input((None, label_paths.SYMBOLS))
        masked = keras.layers.Masking(9)(inputs)
        logits = keras.layers.Dense(label_paths.SYMBOLS, kernel_initializer="identity")(masked)
        model = keras.Model(inputs, logits)
    model.compile(keras.optimizers.SGD(0.1), loss=CTC())
    before = model.evaluate(x, LABELS, batch_size=3, verbose=0)  # batches of unequal size
    tolerance = 1e-5 if policy == "float32" else 0.05
    np.testing.assert_allclose(
        before, expected_of_batch("sum_over_time", np.ones(len(x))), rtol=tolerance
    )
    assert CTC()(LABELS, model(x)).dtype == "float32"
    model.fit(x, LABELS, epochs=3, verbose=0)
    assert model.evaluate(x, LABELS, verbose=0) < before
