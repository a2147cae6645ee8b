"""`ChainCrossentropy` is -log p of the tags, by the enumeration of all paths."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import chains
from support.reference import central_differences

from zoo.layers import LinearChainCRF
from zoo.training import ChainCrossentropy

REDUCTIONS = pytest.mark.parametrize("reduction", ["sum_over_time", "mean_per_step"])


@pytest.fixture
def double_precision():
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


def potentials(allowed=None, dtype="float64", mask=chains.MASK):
    return chains.build_crf(allowed, dtype)(chains.logits(), mask=mask)


def log_likelihoods(targets, logits, allowed=None):
    """log p(y | x) of each sequence."""
    rows = chains.enumerations(logits, allowed=allowed)
    triples = zip(rows, targets, chains.LENGTHS, strict=True)
    return np.array([row.log_probability(y[:length]) for row, y, length in triples])


def legal_targets():
    """The best path of each sequence, padded with what is no tag."""
    targets = np.full(chains.MASK.shape, -1)
    rows = chains.enumerations(-chains.logits(), allowed=chains.ALLOWED)
    for target, row, length in zip(targets, rows, chains.LENGTHS, strict=True):
        target[:length] = row.best()[0]
    return targets


@REDUCTIONS
@pytest.mark.parametrize("allowed", [None, chains.ALLOWED], ids=["all", "allowed"])
def test_negative_log_likelihood(double_precision, reduction, allowed):
    targets = chains.targets() if allowed is None else legal_targets()
    total = -log_likelihoods(targets, chains.logits(), allowed).sum()
    divisors = {"sum_over_time": chains.BATCH, "mean_per_step": chains.MASK.sum()}
    expected = total / divisors[reduction]
    psi = potentials(allowed=allowed)
    assert psi._keras_mask is not None
    loss = ChainCrossentropy(reduction)
    np.testing.assert_allclose(loss(targets, psi), expected, rtol=1e-9)
    without_mask = tf.identity(psi)
    given = loss(targets, without_mask, chains.MASK.astype("float64"))
    np.testing.assert_allclose(given, expected, rtol=1e-9)


def test_steps_and_examples_are_weighed(double_precision):
    """A weight counts for its own term; the tags of a step of weight 0 are used by the next."""
    psi, targets = potentials(mask=None), chains.targets()
    steps = np.array(ChainCrossentropy().call(targets, psi))
    of_steps = np.random.default_rng(5).integers(0, 3, size=steps.shape).astype("float64")
    assert (of_steps[:, :-1] == 0)[of_steps[:, 1:] > 0].any()
    of_examples = np.array([2, 0, 0.5, 1, 0])
    loss = ChainCrossentropy("mean_per_step")
    for given, weights in (
        (of_steps, of_steps),
        (of_examples, of_examples[:, None] * np.ones_like(steps)),
    ):
        expected = (steps * weights).sum() / weights.sum()
        np.testing.assert_allclose(loss(targets, psi, given), expected, rtol=1e-9)


@pytest.mark.parametrize("wrong", [-1, -100, chains.TAGS])
def test_a_target_that_counts_and_is_no_tag_is_no_number(wrong):
    psi = potentials(dtype="float32")
    for step in range(chains.LENGTHS[0]):
        targets = chains.targets()
        targets[0, step] = wrong
        assert np.isnan(ChainCrossentropy()(targets, psi))
    # Weighed with 0 it is still the tag before the next step; but not where nothing follows.
    weights = np.ones(chains.MASK.shape)
    for step in range(chains.TIMESTEPS):
        weights[0, : step + 1] = 0
        targets = chains.targets()
        targets[0, step] = wrong
        is_last = step == chains.TIMESTEPS - 1
        assert np.isnan(ChainCrossentropy()(targets, psi, weights)) != is_last


@REDUCTIONS
def test_gradient_is_that_of_finite_differences(double_precision, reduction):
    arrays = [chains.logits(), *chains.weights()]
    targets, loss = legal_targets(), ChainCrossentropy(reduction)
    steps = np.linspace(1, 2, chains.MASK.size).reshape(chains.MASK.shape)
    weights = {"sum_over_time": None, "mean_per_step": steps}[reduction]

    crf = chains.build_crf(chains.ALLOWED)

    @tf.function
    def of_logits(x):
        return loss(targets, crf(x, mask=chains.MASK), weights)

    def value():
        crf.set_weights(arrays[1:])
        return float(of_logits(tf.constant(arrays[0])))

    x = tf.constant(arrays[0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        of_layer = of_logits(x)
    gradients = tape.gradient(of_layer, [x, *(w.value for w in crf.trainable_variables)])
    for gradient, array in zip(gradients, arrays, strict=True):
        np.testing.assert_allclose(gradient, central_differences(value, array), atol=1e-7)
    assert not gradients[0].numpy()[~chains.MASK].any()


def test_no_step_at_all_is_no_loss():
    psi = potentials(dtype="float32")
    assert float(ChainCrossentropy()(chains.targets(), psi, 0.0 * chains.MASK)) == 0
    empty = potentials(dtype="float32", mask=0 * chains.MASK)
    assert float(ChainCrossentropy("mean_per_step")(chains.targets(), empty)) == 0


def test_it_learns_a_chain_by_heart():
    """Tags that the words alone do not tell: the second of two equal words is another tag."""
    ids = keras.Input((None,), dtype="int32")
    logits = keras.layers.Embedding(3, chains.TAGS, mask_zero=True)(ids)
    model = keras.Model(ids, LinearChainCRF()(logits))
    model.compile(keras.optimizers.Adam(0.3), ChainCrossentropy(), jit_compile=False)
    tokens = np.array([[1, 1, 2, 1, 1], [2, 1, 1, 0, 0]])
    targets = np.array([[0, 1, 2, 0, 1], [2, 0, 1, -1, -1]])
    first, *_, last = model.fit(tokens, targets, epochs=30, verbose=0).history["loss"]
    assert last < 0.1 < first
    np.testing.assert_allclose(
        model.evaluate(tokens, targets, verbose=0),
        ChainCrossentropy()(targets, model(tokens)),
        rtol=1e-5,
    )
