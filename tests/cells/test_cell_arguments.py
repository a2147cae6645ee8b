"""Arguments: refused when wrong, applied when right, and back again through the configuration."""

import json

import keras
import numpy as np
import pytest
from support.sequences import INPUT_DIM, UNITS, VARIANTS, build_cell, sample

from zoo.cells import CELLS, LSTMCell, PeepholeLSTMCell, RNNCell

OPTIONS = {
    "activation": "relu",
    "recurrent_activation": "hard_sigmoid",
    "kernel_initializer": "he_normal",
    "recurrent_initializer": "glorot_uniform",
    "bias_initializer": "ones",
    "kernel_regularizer": "l1",
    "recurrent_regularizer": "l2",
    "bias_regularizer": keras.regularizers.L2(0.5),
    "kernel_constraint": "non_neg",
    "recurrent_constraint": keras.constraints.MaxNorm(1.5),
    "bias_constraint": "unit_norm",
    "dropout": 0.25,
    "seed": 4,
    "name": "of_my_own",
}


def options_of(variant):
    options = OPTIONS | VARIANTS[variant][1]
    if "lstm" in variant:
        options["unit_forget_bias"] = False
    if "peephole" in variant:
        options |= {"peephole_regularizer": "l1", "peephole_constraint": "non_neg"}
    if variant == "rnn":
        del options["recurrent_activation"]
    return options


@pytest.mark.parametrize("variant", VARIANTS)
def test_configuration_round_trip(variant):
    cell = VARIANTS[variant][0](UNITS, **options_of(variant))
    config = cell.get_config()

    again = type(cell).from_config(config)

    assert type(again) is type(cell)
    assert again.get_config() == config
    assert config["name"] == "of_my_own"
    assert config["dropout"] == 0.25
    assert config["activation"] == "relu"


@pytest.mark.parametrize("variant", VARIANTS)
def test_serialization_is_json_and_registered(variant):
    cell = VARIANTS[variant][0](UNITS, **options_of(variant))
    serialized = json.loads(json.dumps(keras.saving.serialize_keras_object(cell)))
    assert serialized["registered_name"] == f"zoo>{type(cell).__name__}"
    again = keras.saving.deserialize_keras_object(serialized)
    assert again.get_config() == cell.get_config()


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"units": 0},
        {"units": -1},
        {"units": 2.5},
        {"units": "8"},
        {"units": None},
        {"units": True},
        {"dropout": -0.1},
        {"dropout": 1.0},
        {"activation": "no such function"},
        {"kernel_initializer": "no such initializer"},
        {"hidden": 3},
    ],
    ids=str,
)
def test_wrong_arguments(name, wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values()))).strip()):
        CELLS[name](**({"units": 4} | wrong))


def test_wrong_peephole():
    with pytest.raises(ValueError, match="none"):
        PeepholeLSTMCell(4, peephole="none")


def test_rnn_unit_has_no_gates_to_activate():
    with pytest.raises(TypeError, match="recurrent_activation"):
        RNNCell(4, recurrent_activation="sigmoid")


@pytest.mark.parametrize("name", CELLS)
def test_positional_arguments_come_in_the_order_of_keras(name):
    assert CELLS[name](4, "relu").activation is keras.activations.relu
    if name != "rnn":
        cell = CELLS[name](4, "relu", "hard_sigmoid")
        assert cell.recurrent_activation is keras.activations.hard_sigmoid


def test_units_may_be_a_numpy_integer():
    cell = LSTMCell(np.int64(4))
    assert json.dumps(cell.get_config()["units"]) == "4"


@pytest.mark.parametrize("variant", VARIANTS)
def test_regularizers_add_their_penalty(variant):
    cell = build_cell(
        variant,
        kernel_regularizer=keras.regularizers.L1(1.0),
        recurrent_regularizer=keras.regularizers.L2(1.0),
        bias_regularizer=keras.regularizers.L1(2.0),
    )
    expected = np.abs(cell.kernel).sum(), np.square(cell.recurrent_kernel).sum()
    expected = sum(expected) + 2 * np.abs(cell.bias).sum()
    np.testing.assert_allclose(sum(cell.losses), expected, rtol=1e-5)


@pytest.mark.parametrize("peephole", ["full", "diagonal"])
def test_peephole_weights_take_their_arguments(peephole):
    cell = PeepholeLSTMCell(
        UNITS,
        peephole=peephole,
        peephole_initializer="ones",
        peephole_regularizer=keras.regularizers.L1(1.0),
        peephole_constraint="non_neg",
    )
    cell.build((None, INPUT_DIM))
    shape = (UNITS, 3 * UNITS) if peephole == "full" else (3 * UNITS,)
    np.testing.assert_array_equal(cell.peephole_kernel, np.ones(shape))
    np.testing.assert_allclose(sum(cell.losses), np.prod(shape))
    assert isinstance(cell.peephole_kernel.constraint, keras.constraints.NonNeg)


def test_constraints_hold_after_an_update():
    cell = LSTMCell(UNITS, kernel_constraint="non_neg", bias_constraint="non_neg")
    model = keras.Sequential([keras.layers.RNN(cell)])
    model.compile(keras.optimizers.SGD(10.0), "mse")
    x, _ = sample(build_cell("lstm"), dtype="float32")
    model.fit(x, -np.ones((len(x), UNITS)), verbose=0)
    assert np.min(cell.kernel) >= 0
    assert np.min(cell.bias) >= 0
    assert np.min(cell.recurrent_kernel) < 0


@pytest.mark.parametrize("name", ["lstm", "peephole_lstm"])
def test_unit_forget_bias(name):
    for wanted in (True, False):
        cell = CELLS[name](UNITS, unit_forget_bias=wanted, bias_initializer=_sevens)
        cell.build((None, INPUT_DIM))
        expected = np.full(4 * UNITS, 7.0)
        if wanted:
            expected[cell.columns("forget")] = 1
        np.testing.assert_array_equal(cell.bias, expected)


def _sevens(shape, dtype=None):
    return keras.ops.full(shape, 7, dtype=dtype)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(variant, policy):
    half = policy.removeprefix("mixed_")
    cell, exact = build_cell(variant, dtype=policy), build_cell(variant)
    x, states = sample(exact, dtype="float32")
    layer = keras.layers.RNN(cell, return_sequences=True, return_state=True, dtype=policy)
    outputs = layer(x, initial_state=states)
    layer = keras.layers.RNN(exact, return_sequences=True, return_state=True)
    expected = layer(x, initial_state=states)

    assert {weight.dtype for weight in cell.weights if weight.trainable} == {"float32"}
    assert {state.dtype for state in cell.get_initial_state(2)} == {outputs[0].dtype}
    assert {output.dtype.name for output in outputs} == {half}
    tolerance = {"float16": 0.02, "bfloat16": 0.1}[half]
    for output, close in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(np.array(output, "float32"), close, atol=tolerance)
        assert np.any(np.array(output, "float32") != close)
