"""The CRF in graphs and under XLA, in saved models, and on the other backends."""

import functools
import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import chains, crf_numbers
from support.processes import run_script

from zoo.layers import LinearChainCRF
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


@pytest.fixture(scope="module")
def on_tensorflow():
    return crf_numbers.numbers()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_same_numbers_on_every_backend(backend, on_tensorflow, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path = tmp_path / "numbers.npz"
    environment = {"KERAS_BACKEND": backend, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    run_script(SUPPORT / "crf_numbers.py", path, **environment)
    with np.load(path) as numbers:
        assert set(numbers) == set(on_tensorflow)
        for name, expected in on_tensorflow.items():
            np.testing.assert_allclose(numbers[name], expected, atol=1e-5, rtol=1e-5, err_msg=name)


def tagger():
    """Logits with a mask, from ids of which 0 is padding."""
    ids = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(9, chains.TAGS, mask_zero=True)(ids)
    model = keras.Model(ids, LinearChainCRF(chains.ALLOWED, name="crf")(vectors))
    model.get_layer("crf").set_weights(chains.weights())
    return model


def test_saved_and_exported(tmp_path):
    model = tagger()
    ids = np.array([[3, 1, 4, 1, 5], [2, 6, 0, 0, 0]])
    assert model.output_shape == (None, None, chains.TAGS, chains.TAGS)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(ids), model(ids))
    model.export(tmp_path / "1", verbose=False)
    served = tf.saved_model.load(tmp_path / "1")
    for part in (ids, ids[:, :1], ids[1:]):
        np.testing.assert_allclose(served.serve(part), model(part), rtol=1e-5)


def test_mask_comes_with_the_logits_and_goes_on():
    model = tagger()
    ids = np.array([[2, 6, 0, 0]])
    psi = model(ids)
    np.testing.assert_array_equal(psi._keras_mask, ids != 0)
    np.testing.assert_allclose(viterbi(psi)[1], viterbi(model(ids[:, :2]))[1], rtol=1e-6)
