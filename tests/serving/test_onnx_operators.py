"""A recurrence in ONNX is its own operator where ONNX has it, else a loop, and always the same."""

import collections
from types import SimpleNamespace

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
import tf2onnx
from support.sequences import (
    INPUT_DIM,
    MASK,
    UNITS,
    VARIANTS,
    assert_all_close,
    build_cell,
    randomize,
    sample,
)

from zoo.layers import Bidirectional, Recurrence, RecurrentStack
from zoo.serving.export import onnx as onnx_export

KINDS = {"rnn": "RNN", "simplified_gru": "GRU", "gru": "GRU", "reset_after_gru": "GRU"}
KINDS |= dict.fromkeys(("lstm", "lstm_without_output_activation", "diagonal_peephole_lstm"), "LSTM")
LOOPS = {"peephole_lstm", "normalized_gru", "zoneout_lstm"}
ALL_OUTPUTS = {"return_sequences": True, "return_state": True}
FIVE = {"Loop", "Scan", "LSTM", "GRU", "RNN"}
SEQUENCES, STEPS = tf.TensorSpec((None, None, INPUT_DIM)), tf.TensorSpec((None, None), tf.bool)
STATE = tf.TensorSpec((None, UNITS))


def convert(layer, masked=False, states=0):
    """What runs a layer in ONNX Runtime, what runs it in Keras, and its recurrences in the file."""
    specs = {"x": SEQUENCES} | ({"mask": STEPS} if masked else {})
    specs |= {f"state_{i}": STATE for i in range(states)}
    specs = [tf.TensorSpec(s.shape, s.dtype, name) for name, s in specs.items()]

    @tf.function(input_signature=specs, autograph=False)
    def function(x, *others):
        options = {"mask": others[0]} if masked else {}
        if states:
            options["initial_state"] = list(others[-states:])
        found = keras.tree.flatten(layer(x, training=False, **options))
        return {f"output_{i}": output for i, output in enumerate(found)}

    dimensions = collections.defaultdict(tuple)
    network = SimpleNamespace(function=function, dimensions=dimensions)
    content, run = onnx_export.convert(network, onnx, onnxruntime, tf2onnx)
    nodes = collections.Counter(n.op_type for n in onnx.load_from_string(content).graph.node)

    def both(*arrays):
        inputs = dict(zip((spec.name for spec in specs), arrays, strict=True))
        expected = {name: y.numpy() for name, y in function(*arrays).items()}
        found = run(inputs)
        return [found[name] for name in expected], [*expected.values()]

    return both, {kind: number for kind, number in nodes.items() if kind in FIVE}


def recurrence(variant, **options):
    layer = Recurrence(build_cell(variant), **ALL_OUTPUTS | options)
    return layer


def bidirectional(variant, **options):
    layer = Bidirectional(Recurrence(build_cell(variant), return_sequences=True, **options))
    layer.build((None, None, INPUT_DIM))
    randomize(layer)
    return layer


def nodes_of(variant, directions=1):
    assert (variant in KINDS) != (variant in LOOPS)
    return {KINDS[variant]: 1} if variant in KINDS else {"Loop": directions}


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_one_direction_with_its_states(variant, backwards):
    """Every mask, rows that count nothing too; other sizes than were traced; no mask."""
    layer = recurrence(variant, go_backwards=backwards)
    x, states = sample(layer.cell, dtype="float32")
    both, nodes = convert(layer, masked=True, states=len(states))
    assert nodes == nodes_of(variant)
    assert_all_close(*both(x, MASK, *states), 1e-5)
    assert_all_close(*both(x[:3, :1], MASK[:3, :1], *(s[:3] for s in states)), 1e-5)
    both, nodes = convert(layer)
    assert nodes == nodes_of(variant)
    assert_all_close(*both(x), 1e-5)


@pytest.mark.parametrize("masked", [False, True], ids=["unmasked", "masked"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_both_directions_are_one_operator(variant, masked):
    layer = bidirectional(variant)
    x, _ = sample(layer.forward_layer.cell, dtype="float32")
    both, nodes = convert(layer, masked)
    assert nodes == nodes_of(variant, directions=2)
    assert_all_close(*both(x, *([MASK] if masked else [])), 1e-5)


ACTIVATIONS = {
    ("relu", "hard_sigmoid", "softsign"): True,
    ("softsign", "hard_sigmoid", "hard_sigmoid"): True,
    ("linear", "sigmoid", "softplus"): True,
    ("elu", "sigmoid", "tanh"): False,
}


@pytest.mark.parametrize("activations", ACTIVATIONS, ids=" ".join)
def test_activations(activations):
    candidate, gates, output = activations
    options = {"activation": candidate, "recurrent_activation": gates}
    of_lstm = options | {"output_activation": output}
    for variant, own in (("gru", options), ("diagonal_peephole_lstm", of_lstm)):
        layer = Recurrence(build_cell(variant, **own), **ALL_OUTPUTS)
            both, nodes = convert(layer)
        assert nodes == (nodes_of(variant) if ACTIVATIONS[activations] else {"Loop": 1})
        assert_all_close(*both(sample(layer.cell, dtype="float32")[0]), 1e-5)


def test_what_an_operator_would_get_wrong_is_a_loop():
    """Gates of which 1 - f(z) is not f(-z); a cell of one's own; directions of two kinds."""

    class OwnCell(type(build_cell("lstm"))):
        def shown(self, c):
            return super().shown(c) / 2

    own = OwnCell(UNITS)
    own.build((None, INPUT_DIM))
    softplus = build_cell("gru", recurrent_activation="softplus")
    for cell in (own, softplus):
        layer = Recurrence(cell, return_sequences=True)
            both, nodes = convert(layer)
        assert nodes == {"Loop": 1}
        assert_all_close(*both(sample(cell, dtype="float32")[0]), 1e-5)
    forward = Recurrence(build_cell("gru"), return_sequences=True)
    backward = Recurrence(build_cell("lstm"), return_sequences=True, go_backwards=True)
    mixed = Bidirectional(forward, backward_layer=backward)
    both, nodes = convert(mixed, masked=True)
    assert nodes == {"Loop": 2}
    assert_all_close(*both(sample(forward.cell, dtype="float32")[0], MASK), 1e-5)


@pytest.mark.parametrize("make", [recurrence, bidirectional])
def test_what_is_masked_is_0_where_that_is_asked_for(make):
    layer = make("lstm", zero_output_for_mask=True)
    both, nodes = convert(layer, masked=True)
    assert nodes == {"LSTM": 1}
    assert_all_close(*both(sample(build_cell("lstm"), dtype="float32")[0], MASK), 1e-5)


def test_a_stack_that_goes_on_where_it_ended():
    stack = RecurrentStack("gru", UNITS, 2, bidirectional=False, residual=True, return_state=True)
    stack.build((None, None, INPUT_DIM))
    randomize(stack)
    both, nodes = convert(stack, masked=True, states=2)
    assert nodes == {"GRU": 2}
    x, (state,) = sample(build_cell("gru"), dtype="float32")
    assert_all_close(*both(x, MASK, state, state[::-1]), 1e-5)
