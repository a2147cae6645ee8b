"""`Bidirectional` returns and differentiates what that of Keras does."""

import keras
import numpy as np
import pytest
from support.differentiation import outputs_and_gradients
from support.sequences import (
    INPUT_DIM,
    MASK,
    TIMESTEPS,
    VARIANTS,
    assert_all_close,
    build_cell,
    randomize,
    sample,
)

from zoo.layers import Bidirectional, Recurrence


def both(variant, merge_mode="concat", dtype="float32", layer_class=Recurrence, **options):
    """The layer under test and the one of Keras around `keras.layers.RNN`, with equal weights."""
    cell_options = {"dropout": options.pop("dropout", 0.0), "seed": 2, "dtype": dtype}
    options = {"return_sequences": True, "dtype": dtype} | options
    layers = []
    for outer, inner in (
        (Bidirectional, layer_class),
        (keras.layers.Bidirectional, keras.layers.RNN),
    ):
        recurrence = inner(build_cell(variant, **cell_options), **options)
        layers.append(outer(recurrence, merge_mode=merge_mode, dtype=dtype))
        layers[-1].build((None, None, INPUT_DIM))
        randomize(layers[-1])
    return layers


def assert_same(layers, mask=MASK, training=True):
    x, _ = sample(build_cell("rnn"), dtype="float32")
    ours, of_keras = (
        outputs_and_gradients(layer, x, mask=mask, training=training) for layer in layers
    )
    assert_all_close(ours[0], of_keras[0], 1e-5)
    assert_all_close(ours[1], of_keras[1], 1e-5)
    return ours


@pytest.mark.parametrize("variant", VARIANTS)
def test_same_as_keras(variant):
    layers = both(variant)
    assert (layers[0]._engine() is not None) == (variant != "normalized_gru")
    mask = None if variant == "gru" else MASK
    assert_same(layers, mask, training=variant != "zoneout_lstm")  # which draws in training


def test_a_mask_with_zeros_for_output_in_inference():
    (outputs,), _ = assert_same(both("lstm", zero_output_for_mask=True), training=False)
    assert not np.any(outputs[~MASK])
    assert np.all(np.any(outputs[MASK], axis=-1))


@pytest.mark.parametrize(
    "options",
    [
        {"merge_mode": "sum"},
        {"merge_mode": None},
        {"return_state": True},
        {"return_sequences": False},
        {"layer_class": keras.layers.RNN},
    ],
    ids=str,
)
def test_what_is_not_written_out(options):
    layers = both("lstm", **options)
    assert layers[0]._engine() is None
    assert_same(layers)


def test_the_dropout_of_a_cell():
    """One mask for each direction and sequence, in training alone."""
    ours, of_keras = both("gru", dropout=0.5)
    assert_same((ours, of_keras), training=False)
    x = np.ones((1, TIMESTEPS, INPUT_DIM), "float32")
    drawn = [np.array(ours(x, training=True)) for _ in range(8)]
    assert len({y.tobytes() for y in drawn}) > 1


def test_initial_states():
    ours, of_keras = both("gru")
    x, (state,) = sample(build_cell("gru"), dtype="float32")
    states = [state, -state]
    assert_all_close([ours(x, initial_state=states)], [of_keras(x, initial_state=states)], 1e-5)
    assert not np.allclose(ours(x), ours(x, initial_state=states))


@pytest.mark.parametrize("saved_by", ["zoo", "keras"])
def test_weights_have_the_places_of_keras_in_an_archive(saved_by, tmp_path):
    """Models were saved before this layer was, and may be read without it."""
    layers = both("lstm")
    source, target = layers if saved_by == "zoo" else reversed(layers)
    randomize(source, seed=9)
    inputs = keras.Input((None, INPUT_DIM))
    keras.Model(inputs, source(inputs)).save_weights(tmp_path / "model.weights.h5")
    model = keras.Model(inputs, target(inputs))
    model.load_weights(tmp_path / "model.weights.h5")
    x, _ = sample(build_cell("lstm"), dtype="float32")
    assert_all_close([model(x)], [source(x)], 1e-5)
