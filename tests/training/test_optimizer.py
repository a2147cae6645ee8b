"""Clipping by global norm, by itself and inside the optimizer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.training import ClippedAdam, clip_by_global_norm
from zoo.training.optimizer import layer_rates

GRADIENTS = [np.array([[3.0, -1.0], [2.0, 0.5]], "float32"), np.array([-4.0, 1.5], "float32")]
REPEATED_ROWS = tf.IndexedSlices(
    tf.constant([[1.0, 2.0], [3.0, -4.0], [5.0, 6.0]]), tf.constant([1, 1, 3]), tf.constant([5, 2])
)

ORDERS = pytest.mark.parametrize("order", [1, 2])


def norm(gradients, order):
    return np.linalg.norm(np.concatenate([np.ravel(g) for g in gradients]), order)


@ORDERS
def test_only_the_length_changes_and_only_above_the_threshold(order):
    clipped = clip_by_global_norm(GRADIENTS, 2.0, order)
    np.testing.assert_allclose(norm(clipped, order), 2.0, rtol=1e-6)
    for before, after in zip(GRADIENTS, clipped, strict=True):
        np.testing.assert_allclose(after, before * 2.0 / norm(GRADIENTS, order), rtol=1e-6)
    for before, after in zip(GRADIENTS, clip_by_global_norm(GRADIENTS, 100.0, order), strict=True):
        np.testing.assert_array_equal(before, after)


@ORDERS
def test_zero_stays_zero_missing_ones_missing_and_nan_is_not_hidden(order):
    zeros, missing = clip_by_global_norm([np.zeros(3, "float32"), None], 1.0, order)
    np.testing.assert_array_equal(zeros, np.zeros(3))
    assert missing is None
    clipped = clip_by_global_norm([np.array([np.nan, 1.0], "float32"), *GRADIENTS], 1.0, order)
    assert all(np.isnan(g).all() for g in clipped)


def test_half_precision_gradients_have_a_norm_in_single_precision():
    # The squares of these numbers overflow float16.
    (clipped,) = clip_by_global_norm([np.full(4, 1000, "float16")], 1.0)
    assert clipped.dtype == "float16"
    np.testing.assert_allclose(clipped, np.full(4, 0.5), rtol=1e-3)


def test_wrong_arguments():
    for arguments in ((0.0, 2), (-1.0, 2), (float("nan"), 2), (1.0, 3)):
        with pytest.raises(ValueError, match="gradient norm"):
            clip_by_global_norm(GRADIENTS, *arguments)
        with pytest.raises(ValueError, match="gradient norm"):
            ClippedAdam(0.1, *arguments)
    # Of Keras, to act on what is clipped already.
    for argument in ("global_clipnorm", "clipvalue", "gradient_accumulation_steps"):
        with pytest.raises(ValueError, match=argument):
            ClippedAdam(0.1, **{argument: 2})


def variables_like(gradients):
    return [keras.Variable(np.ones(g.shape, "float32")) for g in gradients]


@ORDERS
def test_adam_sees_clipped_gradients(order):
    ours, keras_adam = ClippedAdam(0.1, clip_norm=0.5, norm_order=order), keras.optimizers.Adam(0.1)
    variables, expected = variables_like(GRADIENTS), variables_like(GRADIENTS)
    for factor in (1.0, 10.0, 0.01):  # the last is below the threshold
        gradients = [factor * tf.constant(g) for g in GRADIENTS]
        ours.apply(gradients, variables)
        keras_adam.apply(clip_by_global_norm(gradients, 0.5, order), expected)
    # TensorFlow's kernel has 1 - beta_2 in single precision, 5e-5 away from 0.001.
    for one, other in zip(ours.variables, keras_adam.variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)
    for one, other in zip(variables, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize(("clip_norm", "order"), [(None, 2), (0.5, 1), (0.5, 2)])
def test_sparse_and_dense_gradients_train_alike(clip_norm, order):
    """Repeated rows are summed before the norm."""
    results = []
    for gradient in (REPEATED_ROWS, tf.convert_to_tensor(REPEATED_ROWS)):
        optimizer = ClippedAdam(0.1, clip_norm=clip_norm, norm_order=order)
        optimizer.apply([gradient], variables_like([gradient]))
        results.append([v.numpy() for v in optimizer.variables])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_each_layer_has_its_rate_and_waits_for_its_turn():
    """Adam's first step is as long as its rate, whatever the gradient; see its definition."""
    lowest, middle, new = variables_like([*GRADIENTS, GRADIENTS[0]])
    rates = layer_rates([lowest, middle, new], [[lowest], [middle]], factor=2.5, wait=1)
    assert rates == [(pytest.approx(0.16), 2), (pytest.approx(0.4), 1), (1, 0)]
    optimizer = ClippedAdam(0.1, clip_norm=None, rates=rates)
    again = ClippedAdam.from_config(optimizer.get_config())
    assert [[*rate] for rate in again.rates] == [[*rate] for rate in rates]
    gradients = [tf.constant(g) for g in (*GRADIENTS, GRADIENTS[0])]
    for steps in range(1, 4):
        optimizer.apply(gradients, [lowest, middle, new])
        for variable, gradient, (factor, first) in zip(
            (lowest, middle, new), gradients, rates, strict=True
        ):
            moved = -0.1 * factor * max(steps - first, 0) * np.sign(gradient)
            np.testing.assert_allclose(variable, 1 + moved, rtol=1e-4)
    with pytest.raises(ValueError, match="1 rates for 2"):
        ClippedAdam(0.1, rates=rates[:1]).build([lowest, middle])


def test_loss_scaling_is_undone_before_clipping():
    plain = ClippedAdam(0.1, clip_norm=0.5)
    inner = ClippedAdam(0.1, clip_norm=0.5)
    scaled = keras.optimizers.LossScaleOptimizer(inner, initial_scale=64.0)
    plain.apply([tf.constant(g) for g in GRADIENTS], variables_like(GRADIENTS))
    scaled.apply([64 * tf.constant(g) for g in GRADIENTS], variables_like(GRADIENTS))
    for one, other in zip(plain.variables, inner.variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
