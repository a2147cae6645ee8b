"""`LinearChainCRF` and inference in it, against the enumeration of all paths."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import chains
from support.processors import made_in

from zoo.layers import LinearChainCRF
from zoo.layers.crf import log_partition_steps, marginals, viterbi

EXACT = {"float64": 1e-9, "float32": 1e-5}
ALLOWED = pytest.mark.parametrize("allowed", [None, chains.ALLOWED], ids=["all", "allowed"])


def infer(psi, mask):
    """log Z of each row, marginals, the best tags and their scores."""
    log_z = tf.reduce_sum(log_partition_steps(psi), axis=1)
    return log_z, marginals(psi, mask), *viterbi(psi, mask)


def assert_as_enumerated(found, x, mask, allowed, tolerance):
    """What `infer` finds is what all paths say, and 0 in the padding."""
    log_z, probabilities, tags, scores = map(np.array, found)
    lengths = mask.sum(axis=1)
    assert tags.shape == mask.shape
    assert tags.dtype == "int32"
    for i, row in enumerate(chains.enumerations(np.float64(x), lengths, allowed)):
        best, best_score = row.best()
        np.testing.assert_allclose(log_z[i], row.log_partition, rtol=tolerance)
        np.testing.assert_allclose(probabilities[i, : lengths[i]], row.marginals(), atol=tolerance)
        np.testing.assert_array_equal(tags[i, : lengths[i]], best)
        np.testing.assert_allclose(scores[i], best_score, rtol=tolerance)
    assert not probabilities[~mask].any()
    assert not tags[~mask].any()


@ALLOWED
@pytest.mark.parametrize("dtype", EXACT)
def test_inference_is_that_of_all_paths(allowed, dtype):
    """Whatever stands in the padding, be it no number at all."""
    x = np.where(chains.MASK[..., None], chains.logits(), np.nan).astype(dtype)
    psi = chains.build_crf(allowed, dtype)(x, mask=chains.MASK)
    assert psi.dtype == dtype
    found = infer(psi, chains.MASK)
    assert_as_enumerated(found, chains.logits(), chains.MASK, allowed, EXACT[dtype])


def test_log_partition_of_prefixes():
    """Each step adds what makes the sum over the tags of one step more."""
    start, transitions, end = chains.weights()
    so_far = np.cumsum(log_partition_steps(chains.potentials()), axis=1)
    for row, last in enumerate(chains.LENGTHS):
        for length in range(1, last + 1):
            weights = [start, transitions, end if length == last else 0 * end]
            (prefix,) = chains.enumerations(chains.logits()[[row]], [length], of=weights)
            np.testing.assert_allclose(so_far[row, length - 1], prefix.log_partition, rtol=1e-9)
        np.testing.assert_allclose(so_far[row, last:], so_far[row, last - 1], rtol=1e-12)


def test_ties_go_to_the_lowest_tags():
    tags, _ = viterbi(np.zeros((1, 4, 3, 3)))
    np.testing.assert_array_equal(tags, [[0] * 4])


def test_a_row_without_steps():
    mask = np.zeros((2, chains.TIMESTEPS), bool)
    psi = chains.build_crf(chains.ALLOWED)(chains.logits(2), mask=mask)
    np.testing.assert_allclose(log_partition_steps(psi), 0 * mask, atol=1e-12)
    np.testing.assert_allclose(marginals(psi), np.full((*mask.shape, 3), 1 / 3), rtol=1e-9)
    assert not np.any(marginals(psi, mask))
    for tags, scores in (viterbi(psi), viterbi(psi, mask)):
        assert not np.any(tags)
        assert not np.any(scores)


@pytest.mark.parametrize("scale", [1, 1e3])
def test_what_is_not_allowed_has_no_probability(scale):
    """However strongly the logits ask for it."""
    generator = np.random.default_rng(6)
    start, transitions, end = (np.array(array, bool) for array in chains.ALLOWED)
    x = generator.normal(scale=scale, size=(50, 12, chains.TAGS)).astype("float32")
    mask = np.arange(12) < generator.integers(1, 13, size=50)[:, None]
    crf = chains.build_crf(chains.ALLOWED, "float32", [scale * w for w in chains.weights()])
    psi = tf.constant(crf(x, mask=mask))
    with tf.GradientTape() as tape:
        tape.watch(psi)
        log_z = log_partition_steps(psi)
    pairwise = tape.gradient(log_z, psi).numpy()
    np.testing.assert_allclose(pairwise.sum(axis=(2, 3)), 1, rtol=1e-4)
    probabilities, (tags, _) = marginals(psi, mask).numpy(), viterbi(psi, mask)
    last = mask.sum(axis=1) - 1
    assert not pairwise[:, 1:][mask[:, 1:]][:, ~transitions].any()
    assert not probabilities[:, 0][:, ~start].any()
    assert not probabilities[np.arange(50), last][:, ~end].any()
    for path, n in zip(tags.numpy(), last, strict=True):
        assert start[path[0]]
        assert end[path[n]]
        assert transitions[path[:n], path[1 : n + 1]].all()


def test_long_sequences_and_great_logits_in_single_precision():
    """2,000 steps, whose score is far beyond the digits of float32."""
    generator = np.random.default_rng(7)
    x = generator.normal(scale=200, size=(2, 2000, chains.TAGS))

    @tf.function
    def everything(psi):
        return log_partition_steps(psi), marginals(psi), viterbi(psi)[0]

    results = [
        everything(chains.build_crf(chains.ALLOWED, dtype)(x.astype(dtype))) for dtype in EXACT
    ]
    for single, double in zip(*results, strict=True):
        np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_single_precision_whatever_the_policy(policy):
    x = chains.logits().astype("float32")
    with made_in(policy):
        inputs = keras.Input((None, chains.TAGS))
        half = keras.layers.Dense(chains.TAGS, kernel_initializer="identity")(inputs)
        model = keras.Model(inputs, LinearChainCRF(chains.ALLOWED)(half))
    psi = model(x)
    assert half.dtype == policy.removeprefix("mixed_")
    assert psi.dtype == "float32"
    assert np.isfinite(psi).all()
    expected = chains.build_crf(chains.ALLOWED, "float32", [np.zeros(s) for s in (3, (3, 3), 3)])(x)
    np.testing.assert_allclose(psi, expected, atol=0.05)
    # Potentials that arrive in half precision are summed in single precision.
    narrow = tf.cast(tf.maximum(expected, -1e4), policy.removeprefix("mixed_"))
    for y in (log_partition_steps(narrow), marginals(narrow), viterbi(narrow)[1]):
        assert y.dtype == "float32"


def test_weights():
    crf = LinearChainCRF(initializer="ones", regularizer=keras.regularizers.L2(0.5))
    crf.build((None, None, chains.TAGS))
    assert sorted(w.name for w in crf.trainable_variables) == ["end", "start", "transitions"]
    assert crf.count_params() == chains.TAGS * (chains.TAGS + 2)
    np.testing.assert_allclose(sum(crf.losses), 0.5 * crf.count_params())


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="float16"):
        LinearChainCRF(dtype="mixed_float16")
    with pytest.raises(ValueError, match=r"\(4, 4\)"):
        LinearChainCRF(chains.ALLOWED).build((None, None, 4))


@pytest.mark.parametrize(
    ("jit_compile", "sizes"), [(False, ((0, 4), (1, 1), (3, 7))), (True, ((3, 5),))]
)
def test_compiled_for_any_size(jit_compile, sizes):
    crf = chains.build_crf(chains.ALLOWED, "float32")
    signature = [tf.TensorSpec((None, None, chains.TAGS)), tf.TensorSpec((None, None), tf.bool)]

    @tf.function(input_signature=signature, jit_compile=jit_compile)
    def everything(x, mask):
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = infer(crf(x, mask=mask), mask)
        return tape.gradient(found[0], x), found

    for batch, timesteps in sizes:
        x = chains.logits(batch, timesteps).astype("float32")
        mask = np.arange(timesteps) < np.array([timesteps, 1, 3])[:batch, None]
        gradient, found = everything(x, mask)
        assert_as_enumerated(found, x, mask, chains.ALLOWED, 1e-5)
        np.testing.assert_allclose(gradient, found[1], atol=1e-5)
    assert everything.experimental_get_tracing_count() == 1


def test_marginals_of_a_long_sequence_do_not_drift():
    """Rounding at each step must not add up: with 2,000 steps as with few."""
    potentials = np.random.default_rng(0).normal(size=(1, 2000, 5, 5)) * 2
    exact = np.array(marginals(potentials))
    found = np.array(marginals(potentials.astype("float32")))
    np.testing.assert_allclose(found, exact, atol=1e-6)
    assert found.max() <= 1
