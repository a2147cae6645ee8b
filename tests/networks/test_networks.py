"""What holds of every network: padding, gradients, steps, files, precision, seeds."""

import functools
import itertools
import random
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import network_case
from support.network_case import CASES, FIRST_OF_EACH, LENGTHS, MASK, steps_of
from support.processors import made_in

from zoo import networks
from zoo.cells import CELLS
from zoo.networks import decode_step_model, encode_model, step_model, stream_model

EACH = pytest.mark.parametrize("name", CASES)
KINDS = FIRST_OF_EACH.values()
EACH_KIND = pytest.mark.parametrize("name", KINDS)
STEPPING = [n for n in CASES if not n.startswith("many") and "both directions" not in n]


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
    kept = {name for name, values in inputs.items() if is_state(values)}
    real = {name: (values != 0).reshape(*values.shape[:2], -1) for name, values in cut.items()}
    lengths = {name: of.any(axis=-1).sum() for name, of in real.items()}
    return {n: v if n in kept else v[:, : lengths[n]] for n, v in cut.items()}


def is_state(values):
    return values.dtype == "float32" and values.ndim == 2


def longer(values):
    """Inputs with three more steps of padding; states as they are."""
    if isinstance(values, dict):
        return {name: longer(array) for name, array in values.items()}
    widths = ((0, 0), (0, 3), *[(0, 0)] * (values.ndim - 2))
    return values if is_state(values) else np.pad(values, widths)


@EACH
def test_padding_changes_nothing(name):
    case, model = CASES[name], made(name)
    together, padded = case.outputs(model), case.outputs(model, longer(case.inputs))
    for row, length in enumerate(LENGTHS):
        expected = case.outputs(model, alone(case.inputs, row))
        for output, values in together.items():
            of = slice(length if values.ndim > 2 else None)
            np.testing.assert_allclose(values[row][of], expected[output][0][of], atol=1e-5)
            np.testing.assert_allclose(padded[output][row][of], expected[output][0][of], atol=1e-5)
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
    """So that nothing hangs on what comes later; and the parts are those of the network."""
    case, model = CASES[name], made(name)
    steps = steps_of(case, model, MASK.shape[1])
    np.testing.assert_allclose(steps[MASK], case.outputs(model)[case.output][MASK], atol=1e-5)
    if name.startswith("language"):
        parts = decode = [step_model(model)]
    elif name.startswith("encoder"):
        decode = [decode_step_model(model)]
        parts = [encode_model(model), *decode]
    elif name.startswith("transcriber"):
        parts, decode = [stream_model(model)], []  # a part may have many steps
    else:
        step, heads = network_case.step_models(model)
        parts = decode = [step, *heads]
    of_parts = {id(weight) for part in parts for weight in part.trainable_weights}
    assert of_parts == {id(weight) for weight in model.trainable_weights}
    layers = [layer for part in decode for layer in part._flatten_layers()]
    assert not any(isinstance(layer, keras.layers.RNN) for layer in layers), "no loop"


@pytest.mark.parametrize(
    ("cell", "name"),
    zip(CELLS, itertools.cycle([name for name in KINDS if name in STEPPING]), strict=False),
)
def test_steps_of_every_cell(name, cell):
    case = CASES[name]
    model = case.make(cell=cell, layers=2, residual=True, dropout=0.5)
    if case.output:
        states = {name: np.zeros((4, network_case.UNITS), "float32") for name in model.input}
        case = case._replace(inputs=states | {"token_ids": case.inputs["token_ids"]})
    logits, real = case.outputs(model)[case.output], MASK[:, :2]
    np.testing.assert_allclose(steps_of(case, model, 2)[real], logits[:, :2][real], atol=1e-5)


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
        logits = expected[case.output]
        np.testing.assert_allclose(steps_of(case, loaded, 1)[:, 0], logits[:, 0], atol=1e-5)


@EACH_KIND
def test_mixed_precision(name, tmp_path):
    case, single = CASES[name], made(name)
    with made_in("mixed_bfloat16"):
        model = case.make()
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
        steps = steps_of(case, model, 1)[:, 0]
        np.testing.assert_allclose(steps, found[case.output][:, 0], atol=0.1)


@EACH_KIND
def test_seed_fixes_the_weights_and_no_other_draw(name):
    random.seed(7)
    expected = random.random()
    random.seed(7)
    one, same, other = (CASES[name].make(False, seed=s).get_weights() for s in (3, 3, 4))
    assert random.random() == expected
    assert all(map(np.array_equal, one, same))
    assert not all(map(np.array_equal, one, other))
    free = [CASES[name].make(False).get_weights() for _ in range(2)]
    assert not all(map(np.array_equal, *free))


@EACH_KIND
def test_dropout_is_in_training_only(name):
    case = CASES[name]
    model, plain = case.make(dropout=0.5), case.make(dropout=0.0)
    kept = case.outputs(plain)[case.output]
    np.testing.assert_allclose(case.outputs(model)[case.output], kept, atol=1e-6)
    draws = [case.outputs(model, training=True)[case.output] for _ in range(2)]
    assert not np.allclose(*draws)
    assert not np.allclose(draws[0], kept)


@EACH_KIND
def test_nothing_but_padding_gives_numbers(name):
    case, model = CASES[name], made(name)
    zeros = keras.tree.map_structure(np.zeros_like, case.inputs)
    assert all(np.isfinite(values).all() for values in case.outputs(model, zeros).values())
    if name.startswith("many"):
        nothing = keras.tree.map_structure(lambda values: values[:0], case.inputs)
        assert len(case.outputs(model, nothing)[""]) == 0


WRONG = {
    "": [({"cell": "elman"}, "one of rnn"), ({"layers": 0}, "at least 1")],
    "many_to_one": [
        ({"pooling": "sum"}, "one of max.*'sum'"),
        *(({"pooling": "place", "place": p}, "`place` must be") for p in (-1, 1.5, None, True)),
    ],
    "many_to_many": [
        ({"head": "hmm"}, "crf, softmax.*'hmm'"),
        ({"character_kind": "words"}, "recurrent, convolutional.*'words'"),
        *(({"word_dropout": rate}, "`rate` must be") for rate in (-0.1, 1)),
        ({"allowed": ([1], [[1]], [1])}, "allowed"),
    ],
    "language_model": [({"embedding_dim": None, "tie_weights": True}, "one-hot")],
    "encoder_decoder": [
        ({"input_feeding": True, "attention": None}, "needs `attention`"),
        ({"attention": "dot"}, "one of additive, multiplicative"),
    ],
    "transcriber": [],
    "chord_model": [],
}


@pytest.mark.parametrize("kind", FIRST_OF_EACH)
def test_wrong_arguments_are_refused(kind):
    for wrong, message in WRONG[""] + WRONG[kind]:
        with pytest.raises(ValueError, match=message):
            CASES[FIRST_OF_EACH[kind]].make(False, **wrong)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        network_case.many_to_one(1).make()
    with pytest.raises(ValueError, match="give its `width`"):
        networks.Nucleotides(stride=2)
    for wrong in ({"k": 6}, {"k": 0}, {"k_stride": 0}, {"width": -1}, {"width": 3, "stride": 0}):
        with pytest.raises(ValueError, match="must be"):
            network_case.of_letters("max", **wrong).make()
    with pytest.raises(ValueError, match="one vocabulary"):
        networks.encoder_decoder(9, 10, share_embeddings=True)
