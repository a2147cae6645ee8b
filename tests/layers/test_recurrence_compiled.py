"""`Recurrence` in graphs: unknown sizes, XLA, `fit`, exported models."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.differentiation import differentiate, outputs_and_gradients, random_like
from support.sequences import (
    INPUT_DIM,
    MASK,
    VARIANTS,
    assert_all_close,
    build_cell,
    sample,
)

from zoo.layers import Recurrence

XLA_BY_DEFAULT = ("gru", "diagonal_peephole_lstm")  # to compile one takes seconds
SIZES = ((6, 5), (0, 4), (1, 4), (3, 1))


@pytest.mark.parametrize(
    "variant",
    [v if v in XLA_BY_DEFAULT else pytest.param(v, marks=pytest.mark.long) for v in VARIANTS],
)
def test_xla_is_eager(variant):
    """The gradient too; `support.layer_case` has graphs of every size."""
    cell = build_cell(variant)
    layer = Recurrence(cell, return_sequences=True, return_state=True)
    layer.build((None, None, INPUT_DIM))
    compiled = tf.function(functools.partial(differentiate, layer), jit_compile=True)
    for batch, timesteps in SIZES if variant in XLA_BY_DEFAULT[1:] else SIZES[:1]:
        x, states = sample(cell, batch, timesteps, dtype="float32")
        mask = np.resize(MASK, (batch, timesteps))
        expected = outputs_and_gradients(layer, x, states, mask)
        cotangents = [c.astype("float32") for c in random_like(expected[0])]
        found = compiled(*map(tf.constant, [x]), list(map(tf.constant, states)), mask, cotangents)
        for one, other in zip(found, expected, strict=True):
            assert_all_close(one, other, 1e-5)


def classifier(layer_class, variants, jit_compile=False):
    """A classifier of masked sequences on the sum of one layer per variant."""
    inputs = keras.Input((None, INPUT_DIM))
    masked = keras.layers.Masking(mask_value=9.0)(inputs)
    outputs = [layer_class(build_cell(variant))(masked) for variant in variants]
    top = keras.layers.Dense(3, kernel_initializer="ones", activation="softmax")
    model = keras.Model(inputs, top(keras.layers.add(outputs)))
    model.compile(
        keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy", jit_compile=jit_compile
    )
    return model


def masked_sample(batch):
    x, _ = sample(build_cell("rnn"), batch=batch, dtype="float32")
    return np.where(np.resize(MASK, x.shape[:2])[..., None], x, np.float32(9))


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "XLA"])
def test_fit_is_that_of_keras(jit_compile):
    x, y = masked_sample(12), np.arange(12) % 3
    weights = []
    for layer_class in (Recurrence, keras.layers.RNN):
        jit_compile_ours = jit_compile and layer_class is Recurrence
        model = classifier(layer_class, ["gru", "lstm"], jit_compile_ours)
        assert model.jit_compile is jit_compile_ours
        model.fit(x, y, batch_size=6, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    assert_all_close(weights[0], weights[1], 1e-5)


def test_exported_model_takes_any_size(tmp_path):
    model = classifier(Recurrence, ["gru", "lstm", "diagonal_peephole_lstm"])
    model.export(tmp_path / "1", verbose=False)
    served = tf.saved_model.load(tmp_path / "1")
    for batch, timesteps in ((1, 5), (8, 1), (8, 5)):
        x = masked_sample(batch)[:, :timesteps]
        assert_all_close([served.serve(x)], [model(x)], 1e-5)
