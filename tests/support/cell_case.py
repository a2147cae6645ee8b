"""What every cell of `zoo.cells.CELLS` has to do: a new one gets all these tests by its name there.

It needs its equations in `support.reference`, read from the paper and not from `zoo.cells`.
`tests/cells/test_cells.py` runs each check on each variant of `support.sequences.VARIANTS`.
"""

import json
import re

import keras
import numpy as np
import pytest
from keras import ops

from support.processors import skip_without
from support.reference import Equations
from support.sequences import (
    BATCH,
    INPUT_DIM,
    TIMESTEPS,
    UNITS,
    VARIANTS,
    assert_all_close,
    build_cell,
    randomize,
    sample,
)
from zoo.layers import Recurrence

ALL_OUTPUTS = {"return_sequences": True, "return_state": True}
TOLERANCES = {"float64": 1e-9, "float32": 1e-5}
ACTIVATIONS = (
    ("relu", "sigmoid"),
    ("tanh", "hard_sigmoid"),
    ("linear", "softplus"),
    ("silu", "silu"),
)
PENALTIES = keras.regularizers
OPTIONS = {
    "activation": "relu",
    "recurrent_activation": "hard_sigmoid",
    "kernel_initializer": "ones",
    "recurrent_initializer": keras.initializers.Constant(2),
    "bias_initializer": "ones",
    "kernel_regularizer": PENALTIES.L1(1.0),
    "recurrent_regularizer": PENALTIES.L2(1.0),
    "bias_regularizer": PENALTIES.L1(2.0),
    "kernel_constraint": "non_neg",
    "recurrent_constraint": keras.constraints.MaxNorm(1.5),
    "bias_constraint": "unit_norm",
    "dropout": 0.25,
    "seed": 4,
    "name": "of_my_own",
}
WRONG = (
    *({"units": units} for units in (0, -1, 2.5, "8", None, True)),
    *({"dropout": dropout} for dropout in (-0.1, 1.0)),
    {"activation": "no such function"},
    *({"zoneout": zoneout} for zoneout in (1.0, -0.5, [0.1, 0.1, 0.1])),
    {"hidden": 3},
)


def has_gates(variant):
    return variant != "rnn"


def equations(cell):
    return Equations(cell, {w.name: np.array(w, np.float64) for w in cell.trainable_variables})


def assert_equations(variant, timesteps=5, tolerance=1e-9, **options):
    """Steps and sequences of `keras.layers.RNN` are those of the equations in NumPy."""
    cell = build_cell(variant, **options)
    x, states = sample(cell, timesteps=timesteps, dtype=options["dtype"])
    output, new = cell(x[:, 0], states)
    expected = [s.T for s in equations(cell).zoned(x[:, 0].T, [s.T for s in states])]
    assert_all_close([output, *new], [expected[0], *expected], tolerance)
    layer = keras.layers.RNN(cell, dtype=options["dtype"], **ALL_OUTPUTS)
    assert_all_close(layer(x), equations(cell).over_time(x), tolerance)
    whole = layer(x, initial_state=states)
    assert_all_close(whole, equations(cell).over_time(x, states), tolerance)
    return cell


def check_equations(variant):
    """In both precisions and without a bias; `call` is `project`, of all steps at once, `step`."""
    for dtype, tolerance in TOLERANCES.items():
        cell = assert_equations(variant, tolerance=tolerance, dtype=dtype)
    assert assert_equations(variant, dtype="float64", use_bias=False).bias is None
    x, states = sample(cell, dtype="float32")
    projected = cell.project(x)
    assert projected.shape == (*x.shape[:2], len(cell.gates) * UNITS)
    assert cell.output_size == UNITS
    output, new = cell.step(projected[:, 2], states)
    expected, expected_new = cell(x[:, 2], states)
    assert_all_close([output, *new], [expected, *expected_new], 1e-6)


def check_activations(variant):
    """Each is used where the equations have it."""
    for activation, recurrent_activation in ACTIVATIONS:
        options = {"activation": activation}
        if has_gates(variant):
            options["recurrent_activation"] = recurrent_activation
        if variant == "peephole_lstm":
            options["output_activation"] = "softplus"
        assert_equations(variant, timesteps=1, dtype="float64", **options)


def check_configuration(variant):
    """Every option is of its own weight, and comes back from JSON under a name models know."""
    cell_class, own = VARIANTS[variant]
    options = OPTIONS | own
    if has_gates(variant):
        options["remember"] = "chrono:50"
    if "peephole" in variant:
        options |= {"peephole_initializer": "zeros", "peephole_constraint": "non_neg"}
    if not has_gates(variant):
        del options["recurrent_activation"]
    cell = cell_class(UNITS, **options)
    config = cell.get_config()
    simple = ("activation", "recurrent_activation", "dropout", "seed", "name", "peephole")
    simple += ("remember", "layer_norm", "zoneout")
    assert config | {k: options[k] for k in simple if k in options} == config
    assert type(cell).from_config(config).get_config() == config
    serialized = json.loads(json.dumps(keras.saving.serialize_keras_object(cell)))
    assert serialized["registered_name"] == f"zoo>{cell_class.__name__}"
    again = keras.saving.deserialize_keras_object(serialized)
    assert type(again) is cell_class
    assert again.get_config() == config

    again.build((None, INPUT_DIM))
    np.testing.assert_allclose(again.kernel, np.ones(again.kernel.shape))
    np.testing.assert_allclose(again.recurrent_kernel, np.full(again.recurrent_kernel.shape, 2))
    for weight, constraint in (
        (again.kernel, keras.constraints.NonNeg),
        (again.recurrent_kernel, keras.constraints.MaxNorm),
        (again.bias, keras.constraints.UnitNorm),
    ):
        assert isinstance(weight.constraint, constraint)
    randomize(again)
    expected = np.abs(again.kernel).sum(), np.square(again.recurrent_kernel).sum()
    expected = sum(expected) + 2 * np.abs(again.bias).sum()
    np.testing.assert_allclose(sum(again.losses), expected, rtol=1e-5)


def check_arguments(variant):
    """Wrong ones are refused by name; positional ones come in the order of Keras."""
    cell_class, own = VARIANTS[variant]
    for wrong in WRONG:
        with pytest.raises(ValueError, match=re.escape(str(next(iter(wrong.values()))))):
            cell_class(**({"units": 4} | own | wrong))
    assert cell_class(4, "relu", **own).activation is keras.activations.relu
    if has_gates(variant):
        cell = cell_class(4, "relu", "hard_sigmoid", **own)
        assert cell.recurrent_activation is keras.activations.hard_sigmoid
    assert json.dumps(cell_class(np.int64(4)).get_config()["units"]) == "4"


def check_mixed_precision(variant):
    """Weights in single precision, states and outputs in half, near those of single."""
    for half, tolerance in {"float16": 0.02, "bfloat16": 0.1}.items():
        skip_without(half)
        policy = f"mixed_{half}"
        cell, exact = build_cell(variant, dtype=policy), build_cell(variant)
        x, states = sample(exact, dtype="float32")
        outputs = keras.layers.RNN(cell, dtype=policy, **ALL_OUTPUTS)(x, initial_state=states)
        expected = keras.layers.RNN(exact, **ALL_OUTPUTS)(x, initial_state=states)
        assert {weight.dtype for weight in cell.weights if weight.trainable} == {"float32"}
        assert {state.dtype for state in cell.get_initial_state(2)} == {outputs[0].dtype}
        assert {output.dtype.name for output in outputs} == {half}
        for output, close in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(np.array(output, "float32"), close, atol=tolerance)
            assert np.any(np.array(output, "float32") != close)


CHECKS = (
    check_equations,
    check_activations,
    check_configuration,
    check_arguments,
    check_mixed_precision,
)


def check_stacked(variant, layer_class):
    """In `StackedRNNCells`, each cell reads the one below."""
    cells = [build_cell(variant), build_cell(variant, units=4, input_dim=UNITS)]
    x, _ = sample(cells[0], dtype="float32")
    outputs, *states = layer_class(keras.layers.StackedRNNCells(cells), **ALL_OUTPUTS)(x)
    first, *first_states = equations(cells[0]).over_time(x)
    expected, *second_states = equations(cells[1]).over_time(first)
    flat = [outputs, *keras.tree.flatten(states)]
    assert_all_close(flat, [expected, *first_states, *second_states], 1e-5)


def check_stateful(variant, layer_class):
    """Batches one after the other are one long sequence."""
    cell = build_cell(variant)
    x, _ = sample(cell, dtype="float32")
    layer = layer_class(cell, return_sequences=True, stateful=True)
    layer.build(x.shape)
    expected = equations(cell).over_time(x)[0]
    pieces = [layer(x[:, :2]), layer(x[:, 2:])]
    assert_all_close([np.concatenate(pieces, axis=1)], [expected], 1e-5)
    layer.reset_state()
    assert_all_close([layer(x)], [expected], 1e-5)


def check_drawn_zoneout(variant):
    """In training a loop that is written out holds the entries that the cell drew before it."""
    cell = build_cell(variant, zoneout=0.4, seed=7)
    x, states = sample(cell, dtype="float32")
    layer, seed = Recurrence(cell, **ALL_OUTPUTS), np.array(cell.seed_generator.state)
    found = layer(x, initial_state=[*map(ops.convert_to_tensor, states)], training=True)
    found = [ops.convert_to_numpy(y) for y in found]
    cell.seed_generator.state.assign(seed)
    held = [ops.convert_to_numpy(d) for d in cell.draw_zoneout((TIMESTEPS, BATCH), True)]
    assert len(held) == len(states)
    assert_all_close(found, equations(cell).over_time(x, states, held=held), 1e-5)


IN_LAYERS = (check_stacked, check_stateful)
