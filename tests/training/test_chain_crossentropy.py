"""`ChainCrossentropy` is -log p of the tags, by the enumeration of all paths."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import chains
from support.reference import central_differences

from zoo.training import ChainCrossentropy


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


@pytest.mark.parametrize("reduction", ["sum_over_time", "mean_per_step"])
@pytest.mark.parametrize("allowed", [None, chains.ALLOWED], ids=["all", "allowed"])
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


@pytest.mark.parametrize("allowed", [None, chains.ALLOWED], ids=["all", "allowed"])
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
