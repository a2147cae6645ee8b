"""`Recurrence` in graphs: unknown sizes, XLA, `fit`, exported models."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.differentiation import differentiate, outputs_and_gradients, random_like
from support.reference import Equations
from support.sequences import (
    INPUT_DIM,
    MASK,
    UNITS,
    VARIANTS,
    arrays,
    assert_all_close,
    build_cell,
    sample,
)

from zoo.layers import Recurrence


class Traced:
    """A layer with its gradient as one graph, traced once for every size of batch and time."""

    def __init__(self, variant, jit_compile):
        self.cell = build_cell(variant)
        self.layer = Recurrence(self.cell, return_sequences=True, return_state=True)
        self.layer.build((None, None, INPUT_DIM))
        sequence = tf.TensorSpec([None, None, UNITS])
        states = [tf.TensorSpec([None, UNITS]) for _ in sample(self.cell)[1]]
        self.graph = tf.function(
            functools.partial(differentiate, self.layer),
            input_signature=[
                tf.TensorSpec([None, None, INPUT_DIM]),
                states,
                tf.TensorSpec([None, None], tf.bool),
                [sequence, *states],
            ],
            jit_compile=jit_compile,
        )

    def __call__(self, x, states, mask):
        """Outputs and gradients as `outputs_and_gradients` has them."""
        outputs = [np.empty((*x.shape[:2], UNITS)), *states]
        cotangents = [c.astype("float32") for c in random_like(outputs)]
        outputs, gradients = self.graph(x, states, mask, cotangents)
        return [np.array(y) for y in outputs], [np.array(g) for g in gradients]


traced = functools.cache(Traced)


def assert_as_eager(of_graph, x, states, mask):
    outputs, gradients = of_graph(x, states, mask)
    expected = outputs_and_gradients(of_graph.layer, x, states, mask)
    assert_all_close(outputs, expected[0], 1e-5)
    assert_all_close(gradients, expected[1], 1e-5)
    assert_all_close(
        outputs, Equations(of_graph.cell, arrays(of_graph.cell)).over_time(x, states, mask), 1e-5
    )


XLA_BY_DEFAULT = ("gru", "diagonal_peephole_lstm")  # to compile one takes seconds


@pytest.mark.parametrize(
    ("variant", "jit_compile"),
    [
        pytest.param(v, xla, marks=pytest.mark.long if xla and v not in XLA_BY_DEFAULT else [])
        for v in VARIANTS
        for xla in (False, True)
    ],
)
def test_compiled_is_eager(variant, jit_compile):
    of_graph = traced(variant, jit_compile)
    x, states = sample(of_graph.cell, dtype="float32")
    assert_as_eager(of_graph, x, states, MASK)


@pytest.mark.parametrize("variant", ["gru", "diagonal_peephole_lstm"])
@pytest.mark.parametrize(("batch", "timesteps"), [(0, 4), (1, 4), (3, 1), (7, 9)])
def test_sizes_unknown_when_traced(variant, batch, timesteps):
    of_graph = traced(variant, jit_compile=False)
    x, states = sample(of_graph.cell, batch, timesteps, dtype="float32")
    mask = np.random.default_rng(2).random((batch, timesteps)) < 0.7
    assert_as_eager(of_graph, x, states, mask)
    assert of_graph.graph.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(("batch", "timesteps"), [(0, 4), (1, 4), (3, 1)])
def test_sizes_at_the_edge_under_xla(batch, timesteps):
    of_graph = traced("diagonal_peephole_lstm", jit_compile=True)
    x, states = sample(of_graph.cell, batch, timesteps, dtype="float32")
    assert_as_eager(of_graph, x, states, np.ones((batch, timesteps), bool))


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
