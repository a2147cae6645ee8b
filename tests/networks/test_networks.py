"""What holds of every network: padding, gradients, steps, files, precision, seeds, backends."""

import functools
import importlib.util
import random
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import network_case
from support.network_case import CASES, FIRST_OF_EACH, LENGTHS, MASK, numbers, steps_of
from support.processes import run_script
from support.processors import skip_without

from zoo.cells import CELLS
from zoo.networks import decode_step_model, encode_model, step_model

EACH = pytest.mark.parametrize("name", CASES)
EACH_KIND = pytest.mark.parametrize("name", FIRST_OF_EACH.values())
STEPPING = [name for name in CASES if not name.startswith("many")]


@functools.cache
def made(name):
    """A network that no test changes."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        return CASES[name].make()


def alone(inputs, row):
    """One row of inputs without its padding."""
    if not isinstance(inputs, dict):
        return inputs[row : row + 1, : LENGTHS[row]]
    cut = {name: values[row : row + 1] for name, values in inputs.items()}
    real = {name: (values != 0).reshape(*values.shape[:2], -1) for name, values in cut.items()}
    lengths = {name: of.any(axis=-1).sum() for name, of in real.items()}
    return {n: v if v.dtype == "float32" else v[:, : lengths[n]] for n, v in cut.items()}


def longer(inputs):
    """Inputs with three more steps of padding."""
    if not isinstance(inputs, dict):
        return np.pad(inputs, ((0, 0), (0, 3)))
    widths = {n: ((0, 0), (0, 3), *[(0, 0)] * (v.ndim - 2)) for n, v in inputs.items()}
    return {n: v if v.dtype == "float32" else np.pad(v, widths[n]) for n, v in inputs.items()}


@EACH
def test_padding_changes_nothing(name):
    case, model = CASES[name], made(name)
    together, padded = case.outputs(model), case.outputs(model, longer(case.inputs))
    for output, values in together.items():
        sequence = values.ndim > 2
        for row, length in enumerate(LENGTHS):
            of = slice(length if sequence else None)
            expected = case.outputs(model, alone(case.inputs, row))[output][0][of]
            np.testing.assert_allclose(values[row][of], expected, atol=1e-5)
            np.testing.assert_allclose(padded[output][row][of], expected, atol=1e-5)
        assert np.isfinite(padded[output]).all()
        assert values.dtype == "float32"


@EACH
def test_every_weight_gets_a_gradient(name):
    model = made(name)
    weights = [weight.value for weight in model.trainable_weights]
    with tf.GradientTape() as tape:
        loss = CASES[name].loss_of(model, training=True)
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, weights), strict=True):
        gradient = tf.convert_to_tensor(gradient)
        assert np.isfinite(gradient).all(), weight.path
        assert np.any(gradient), weight.path


@pytest.mark.parametrize("name", STEPPING)
def test_steps_are_the_sequence(name):
    case, model = CASES[name], made(name)
    outputs = case.outputs(model)
    logits = outputs[case.output or ""]
    steps = steps_of(case, model, MASK.shape[1])
    np.testing.assert_allclose(steps[MASK], logits[MASK], atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", [name for name in FIRST_OF_EACH.values() if name in STEPPING])
def test_steps_of_every_cell(name, cell):
    case = CASES[name]
    model = case.make(cell=cell, layers=2, residual=True, dropout=0.5)
    if case.output:
        states = {name: np.zeros((4, network_case.UNITS), "float32") for name in model.input}
        case = case._replace(inputs=states | {"token_ids": case.inputs["token_ids"]})
    logits = case.outputs(model)[case.output or ""]
    real = MASK[:, :2]
    np.testing.assert_allclose(steps_of(case, model, 2)[real], logits[:, :2][real], atol=1e-5)


@pytest.mark.parametrize("name", STEPPING)
def test_parts_for_one_step_share_the_weights_and_have_no_loop(name):
    model = made(name)
    if name.startswith("language"):
        parts = decode = [step_model(model)]
    elif name.startswith("encoder"):
        decode = [decode_step_model(model)]
        parts = [encode_model(model), *decode]
    else:
        step, heads = network_case.step_models(model)
        parts = decode = [step, *heads]
    of_parts = {id(weight) for part in parts for weight in part.trainable_weights}
    assert of_parts == {id(weight) for weight in model.trainable_weights}
    loops = [layer for part in decode for layer in part._flatten_layers()]
    assert not any(isinstance(layer, keras.layers.RNN) for layer in loops)


@EACH
def test_saved_and_loaded(name, tmp_path):
    case, model = CASES[name], made(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.name == model.name == name.split(",")[0].split(" ")[0]
    expected = case.outputs(model)
    for output, values in case.outputs(loaded).items():
        np.testing.assert_allclose(values, expected[output], atol=1e-6)
    if name in STEPPING:
        logits = expected[case.output or ""]
        np.testing.assert_allclose(steps_of(case, loaded, 1)[:, 0], logits[:, 0], atol=1e-5)


@EACH_KIND
@pytest.mark.parametrize("policy", ["mixed_bfloat16"])
def test_mixed_precision(name, policy, tmp_path):
    skip_without(policy)
    case, single = CASES[name], made(name)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = case.make()
    finally:
        keras.config.set_dtype_policy(before)
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    assert "bfloat16" in {layer.compute_dtype for layer in model.layers}
    found, expected = case.outputs(model), case.outputs(single)
    model.save(tmp_path / "model.keras")
    loaded = case.outputs(keras.saving.load_model(tmp_path / "model.keras"))
    for output, values in found.items():
        assert values.dtype.name == "float32"
        kept = np.abs(expected[output]) < 100  # a potential of -1e4 stands for what must not be
        np.testing.assert_allclose(values[kept], expected[output][kept], atol=0.4)
        np.testing.assert_allclose(loaded[output], values, rtol=1e-3, atol=1e-3)
    if name in STEPPING:
        logits = found[case.output or ""]
        np.testing.assert_allclose(steps_of(case, model, 1)[:, 0], logits[:, 0], atol=0.1)


@EACH_KIND
def test_seed_fixes_the_weights_and_no_other_draw(name):
    random.seed(7)
    expected = random.random()
    random.seed(7)
    one, same, other = (CASES[name].make(False, seed=s).get_weights() for s in (3, 3, 4))
    assert random.random() == expected
    assert all(np.array_equal(*pair) for pair in zip(one, same, strict=True))
    assert not all(np.array_equal(*pair) for pair in zip(one, other, strict=True))
    free = [CASES[name].make(False).get_weights() for _ in range(2)]
    assert not all(np.array_equal(*pair) for pair in zip(*free, strict=True))


@EACH_KIND
def test_dropout_is_in_training_only(name):
    case = CASES[name]
    model, plain = case.make(dropout=0.5), case.make(dropout=0.0)
    output = case.output or ""
    kept = case.outputs(plain)[output]
    np.testing.assert_allclose(case.outputs(model)[output], kept, atol=1e-6)
    draws = [case.outputs(model, training=True)[output] for _ in range(2)]
    assert not np.allclose(*draws)
    assert not np.allclose(draws[0], kept)


@pytest.mark.parametrize("name", [name for name in FIRST_OF_EACH.values() if name[:4] == "many"])
def test_an_empty_batch_and_nothing_but_padding(name):
    case, model = CASES[name], made(name)
    for rows in (0, 2):
        values = case.inputs if isinstance(case.inputs, dict) else {"": case.inputs}
        nothing = {key: np.zeros_like(value[:rows]) for key, value in values.items()}
        found = case.outputs(model, nothing if isinstance(case.inputs, dict) else nothing[""])
        assert len(found[""]) == rows
        assert np.isfinite(found[""]).all()


@EACH_KIND
@pytest.mark.parametrize(
    ("wrong", "message"), [({"cell": "elman"}, "one of rnn"), ({"layers": 0}, "at least 1")]
)
def test_wrong_arguments_are_refused(name, wrong, message):
    with pytest.raises(ValueError, match=message):
        CASES[name].make(False, **wrong)


@pytest.fixture(scope="module")
def on_tensorflow():
    return numbers()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends(backend, on_tensorflow, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path = tmp_path / "numbers.npz"
    environment = {"KERAS_BACKEND": backend, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    run_script(network_case.__file__, path, **environment)
    with np.load(path) as found:
        assert set(found) == set(on_tensorflow)
        for name, expected in on_tensorflow.items():
            np.testing.assert_allclose(found[name], expected, atol=1e-4, rtol=1e-4, err_msg=name)
