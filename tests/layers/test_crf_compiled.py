"""The CRF in graphs and under XLA, in saved models, and on the other backends."""

import functools
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from support import chains

from zoo.layers.crf import log_partition_steps, marginals, viterbi

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.mark.parametrize(("batch", "timesteps"), [(0, 4), (1, 1), (3, 7)])
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "XLA"])
def test_compiled_for_any_size(batch, timesteps, jit_compile):
    graph = compiled(jit_compile)
    x = chains.logits(batch, timesteps).astype("float32")
    mask = np.arange(timesteps) < np.array([timesteps, 1, 3])[:batch, None]
    outputs = graph(x, mask)
    assert graph.experimental_get_tracing_count() == 1
    rows = chains.enumerations(x.astype("float64"), mask.sum(axis=1), chains.ALLOWED)
    log_z, gradient, probabilities, tags, scores = (y.numpy() for y in outputs)
    assert tags.shape == (batch, timesteps)
    assert probabilities.shape == gradient.shape == x.shape
    np.testing.assert_allclose(log_z, [row.log_partition for row in rows], rtol=1e-5)
    np.testing.assert_allclose(gradient, probabilities, atol=1e-5)
    np.testing.assert_allclose(scores, [row.best()[1] for row in rows], rtol=1e-5)
    for i, row in enumerate(rows):
        length = mask[i].sum()
        np.testing.assert_allclose(probabilities[i, :length], row.marginals(), atol=1e-5)
        np.testing.assert_array_equal(tags[i, :length], row.best()[0])


@functools.cache
def compiled(jit_compile):
    crf = chains.build_crf(chains.ALLOWED, "float32")
    signature = [tf.TensorSpec((None, None, chains.TAGS)), tf.TensorSpec((None, None), tf.bool)]

    @tf.function(input_signature=signature, jit_compile=jit_compile)
    def everything(x, mask):
        with tf.GradientTape() as tape:
            tape.watch(x)
            psi = crf(x, mask=mask)
            log_z = tf.reduce_sum(log_partition_steps(psi), axis=1)
        return log_z, tape.gradient(log_z, x), marginals(psi, mask), *viterbi(psi, mask)

    return everything
