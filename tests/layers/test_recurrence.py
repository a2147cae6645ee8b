"""`Recurrence` returns and differentiates what `keras.layers.RNN` does, for every cell."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.differentiation import differentiate, outputs_and_gradients
from support.sequences import INPUT_DIM, MASK, UNITS, VARIANTS, assert_all_close, build_cell, sample

from zoo.layers import Recurrence, recurrence
from zoo.layers.scan import in_order

ALL_OUTPUTS = {"return_sequences": True, "return_state": True}


def assert_same(cell, x, states=None, mask=None, tolerance=1e-5, training=True, **options):
    """It agrees with the layer of Keras in outputs, and in gradients of all that goes in.

    In inference where zoneout would draw.
    """
    training = training and not any(getattr(cell, "zoneout", ()))
    layers = Recurrence(cell, **options), keras.layers.RNN(cell, **options)
    ours, of_keras = (outputs_and_gradients(layer, x, states, mask, training) for layer in layers)
    assert_all_close(ours[0], of_keras[0], tolerance)
    assert_all_close(ours[1], of_keras[1], tolerance)
    return ours


WAYS = {
    "masked": (MASK, {}),
    "unmasked": (None, {}),
    "backwards": (MASK, {"go_backwards": True}),
    "zero output": (MASK, {"zero_output_for_mask": True}),
    "unrolled": (MASK, {"unroll": True}),
    "without bias": (MASK, {}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_same_as_keras(variant, way):
    mask, options = WAYS[way]
    cell = build_cell(variant, use_bias=way != "without bias")
    x, states = sample(cell, dtype="float32")
    outputs, _ = assert_same(cell, x, states, mask, **options, **ALL_OUTPUTS)
    if way == "masked":  # padding never reaches an output, whatever it holds
        spoilt = np.where(MASK[..., None], x, np.nan)
        found = Recurrence(cell, **ALL_OUTPUTS)(spoilt, initial_state=states, mask=MASK)
        assert_all_close(found, outputs, 1e-5)


@pytest.mark.parametrize("return_state", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_what_is_returned(return_sequences, return_state):
    """Also where the gradient comes from a part of what the loop computes."""
    cell = build_cell("lstm")
    x, states = sample(cell, dtype="float32")
    options = {"return_sequences": return_sequences, "return_state": return_state}
    outputs, _ = assert_same(cell, x, states, MASK, **options)
    assert len(outputs) == 1 + (len(states) if return_state else 0)
    assert_same(cell, x, zero_output_for_mask=True, mask=MASK, **options)
    assert_same(cell, x, **options)


ACTIVATIONS = (("relu", "hard_sigmoid"), ("linear", "softplus"), ("softplus", "relu"))


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_of_every_activation(variant):
    """Also in inference, where nothing was kept for them, as saliency maps ask for.

    gelu' does not follow from the value of gelu: the loop of Keras takes over.
    """
    for training, (activation, of_gates) in enumerate((*ACTIVATIONS, ("gelu", "sigmoid"))):
        gates = {} if variant == "rnn" else {"recurrent_activation": of_gates}
        if variant in ("lstm", "peephole_lstm"):
            gates["output_activation"] = activation
        cell = build_cell(variant, activation=activation, dtype="float64", **gates)
        assert cell.has_backward == (activation != "gelu" and not cell.layer_norm)
        x, states = sample(cell)
        options = {"dtype": "float64", "training": training > 0} | ALL_OUTPUTS
        assert_same(cell, x, states, MASK, tolerance=1e-9, **options)


def test_only_long_steps_are_worth_two_loops(monkeypatch):
    monkeypatch.setattr(recurrence, "_WEIGHTS_FOR_HALVES", 4 * UNITS * UNITS)
    for variant, loops in (("lstm", 2), ("gru", 1)):
        cell = build_cell(variant)
        x, states = sample(cell, dtype="float32")
        layer = Recurrence(cell, **ALL_OUTPUTS)
        layer.build(x.shape)
        assert len(layer._streams(x.swapaxes(0, 1), states, None)) == loops
        assert_same(cell, x, states, MASK, **ALL_OUTPUTS)


def test_a_loop_that_writes_in_order():
    """As converters want it: what runs backwards is turned round before and after."""
    cell = build_cell("lstm")
    x, states = sample(cell, dtype="float32")
    layer = Recurrence(cell, go_backwards=True, **ALL_OUTPUTS)
    in_place = outputs_and_gradients(layer, x, states, MASK)
    with in_order():
        turned = outputs_and_gradients(layer, x, states, MASK)
    assert_all_close(turned[0], in_place[0], 1e-6)
    assert_all_close(turned[1], in_place[1], 1e-6)


def test_cells_of_keras_run_in_its_loop():
    for of_keras, like in ((keras.layers.LSTMCell, "lstm"), (keras.layers.GRUCell, "gru")):
        cell = of_keras(UNITS)
        cell.build((None, INPUT_DIM))
        x, states = sample(build_cell(like), dtype="float32")
        assert_same(cell, x, states, MASK, tolerance=1e-6, **ALL_OUTPUTS)


# By default one: to compile it takes seconds.
@pytest.mark.parametrize(
    "variant", [pytest.param(v, marks=[] if v == "gru" else pytest.mark.long) for v in VARIANTS]
)
def test_xla_is_eager(variant):
    """The gradient too; `support.layer_case` has graphs of every size."""
    cell = build_cell(variant)
    layer = Recurrence(cell, **ALL_OUTPUTS)
    layer.build((None, None, INPUT_DIM))
    compiled = tf.function(functools.partial(differentiate, layer), jit_compile=True)
    for batch, timesteps in ((6, 5), (0, 4)):
        x, states = sample(cell, batch, timesteps, dtype="float32")
        mask = np.resize(MASK, (batch, timesteps))
        expected = outputs_and_gradients(layer, x, states, mask)
        found = compiled(*tf.nest.map_structure(tf.constant, (x, states, mask)))
        for one, other in zip(found, expected, strict=True):
            assert_all_close(one, other, 1e-5)


def test_fit_is_that_of_keras():
    """In the graph of a training, masks coming from a layer before, the inputs dropped alike."""
    x, _ = sample(build_cell("rnn"), batch=12, dtype="float32")
    x = np.where(np.resize(MASK, x.shape[:2])[..., None], x, np.float32(9))
    weights = []
    for layer_class in (Recurrence, keras.layers.RNN):
        inputs = keras.Input((None, INPUT_DIM))
        masked = keras.layers.Masking(mask_value=9.0)(inputs)
        outputs = [
            layer_class(build_cell(variant, dropout=0.5, seed=2))(masked)
            for variant in ("gru", "lstm")
        ]
        top = keras.layers.Dense(3, kernel_initializer="ones", activation="softmax")
        model = keras.Model(inputs, top(keras.layers.add(outputs)))
        model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
        model.fit(x, np.arange(12) % 3, batch_size=6, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    assert_all_close(weights[0], weights[1], 1e-5)


@pytest.mark.parametrize("shape", [(5, 4), (20,), (2, 10), (4, 5, 2)])
def test_a_mask_of_another_shape_is_refused(shape):
    """As by Keras: a mask that is turned round in time would be right in size and wrong in all."""
    layer = Recurrence(build_cell("lstm"))
    with pytest.raises(ValueError, match="one entry for each step"):
        layer(np.zeros((4, 5, INPUT_DIM), "float32"), mask=np.ones(shape, bool))
