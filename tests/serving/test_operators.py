"""A recurrence in a file is an operator of the engine, where it has one, else a loop; both right.

That of ONNX takes any number of rows, that of LiteRT one.
"""

import collections

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
import tf2onnx
from ai_edge_litert import interpreter
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

from zoo.cells import LSTMCell
from zoo.layers import Bidirectional, Recurrence, RecurrentStack
from zoo.serving.export import litert
from zoo.serving.export import onnx as onnx_export
from zoo.serving.export.network import FileNetwork

pytestmark = pytest.mark.more

KINDS = dict.fromkeys(("simplified_gru", "gru", "reset_after_gru"), "GRU") | {"rnn": "RNN"}
KINDS |= dict.fromkeys(("lstm", "lstm_without_output_activation", "diagonal_peephole_lstm"), "LSTM")
LOOPS = {"peephole_lstm", "normalized_gru", "zoneout_lstm"}
X, _ = sample(build_cell("lstm"), dtype="float32")
ALL_OUTPUTS = {"return_sequences": True, "return_state": True}
IN_ONNX = {"Loop", "Scan", "LSTM", "GRU", "RNN"}
IN_LITERT = {"WHILE": "Loop", "UNIDIRECTIONAL_SEQUENCE_LSTM": "LSTM"}


class Layers(FileNetwork):
    """Several layers on the same sequences, masked or not, with initial states or not."""

    def __init__(self, layers, number_of_states=0, rows=None):
        super().__init__()
        self.dimensions = collections.defaultdict(tuple)
        self.layers = [layer for layer, _ in layers]
        self.weights = [v.value for layer in self.layers for v in layer.variables]
        states = (f"state_{i}" for i in range(number_of_states))
        specs = [
            tf.TensorSpec((rows, None, INPUT_DIM), tf.float32, "x"),
            tf.TensorSpec((rows, None), tf.bool, "mask"),
            *(tf.TensorSpec((rows, UNITS), tf.float32, name) for name in states),
        ]

        @tf.function(input_signature=specs, autograph=False)
        def function(x, mask, *states):
            given = {"mask": mask, "initial_state": [*states]}
            found = [layer(x, **{name: given[name] for name in names}) for layer, names in layers]
            return {f"output_{i}": y for i, y in enumerate(keras.tree.flatten(found))}

        self.function = function
        self.names = [spec.name for spec in specs]

    def examples(self, batches):
        yield dict(zip(self.names, (X[:1], MASK[:1]), strict=True))

    def hold(self, run, *arrays):
        """Compares with Keras."""
        found, expected = run(dict(zip(self.names, arrays, strict=True))), self.function(*arrays)
        assert_all_close([found[name] for name in expected], [*expected.values()], 1e-5)


def compare(layers, states=()):
    """Holds layers in ONNX Runtime to Keras at several sizes, and counts their recurrences.

    `MASK` has every kind of mask; in one size all rows are without a step.
    """
    network = Layers(layers, len(states))
    content, run = onnx_export.convert(network, onnx, onnxruntime, tf2onnx)
    for rows, steps in ((slice(None),) * 2, (slice(3), slice(1)), (slice(5, 6), slice(None))):
        network.hold(run, X[rows, steps], MASK[rows, steps], *(state[rows] for state in states))
    nodes = collections.Counter(node.op_type for node in onnx.load_from_string(content).graph.node)
    return {kind: number for kind, number in nodes.items() if kind in IN_ONNX}


def recurrence(variant, *, cell=None, **options):
    return Recurrence(cell or build_cell(variant), **ALL_OUTPUTS | options)


def bidirectional(variant, **options):
    layer = Bidirectional(Recurrence(build_cell(variant), return_sequences=True, **options))
    layer.build((None, None, INPUT_DIM))
    randomize(layer)
    return layer


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_cell_in_every_direction(variant):
    _, states = sample(build_cell(variant), dtype="float32")
    layers = [
        (recurrence(variant), ("mask", "initial_state")),
        (recurrence(variant, go_backwards=True), ("mask", "initial_state")),
        (recurrence(variant), ()),
        (bidirectional(variant), ("mask",)),
        (bidirectional(variant), ()),
    ]
    if variant in LOOPS:
        assert compare(layers[1:2], states) == {"Loop": 1}
    else:
        assert compare(layers, states) == {KINDS[variant]: 5}


def test_activations():
    """ONNX has some; but for the GRU, which keeps what the gate lets go, 1 - f(z) must be f(-z)."""

    def layer(variant, candidate, gates, output=None):
        own = {"activation": candidate, "recurrent_activation": gates}
        own |= {"output_activation": output} if output else {}
        return recurrence(variant, cell=build_cell(variant, **own)), ()

    with_operator = [
        layer("lstm", "relu", "hard_sigmoid", "softsign"),
        layer("diagonal_peephole_lstm", "hard_sigmoid", "softplus", "hard_sigmoid"),
        layer("gru", "linear", "hard_sigmoid"),
        layer("reset_after_gru", "softsign", "softsign"),
    ]
    assert compare(with_operator) == {"LSTM": 2, "GRU": 2}
    without = [layer("lstm", "elu", "sigmoid"), layer("gru", "tanh", "softsign")]
    assert compare(without) == {"Loop": 2}


def test_a_cell_of_ones_own_and_directions_of_two_kinds_are_loops():
    class OwnCell(LSTMCell):
        def shown(self, c):
            return super().shown(c) / 2

    own = OwnCell(UNITS)
    own.build((None, INPUT_DIM))
    forward, backward = (
        Recurrence(build_cell(variant), return_sequences=True, go_backwards=turned)
        for variant, turned in (("gru", False), ("lstm", True))
    )
    both = Bidirectional(forward, backward_layer=backward)
    assert compare([(recurrence("", cell=own), ()), (both, ("mask",))]) == {"Loop": 3}


def test_what_is_masked_is_0_where_that_is_asked_for():
    layers = [make("gru", zero_output_for_mask=True) for make in (recurrence, bidirectional)]
    assert compare([(layer, ("mask",)) for layer in layers]) == {"GRU": 2}


def test_a_stack_that_goes_on_where_it_ended():
    stack = RecurrentStack("gru", UNITS, 2, bidirectional=False, residual=True, return_state=True)
    stack.build((None, None, INPUT_DIM))
    randomize(stack)
    states = np.random.default_rng(0).normal(size=(2, len(MASK), UNITS)).astype("float32")
    assert compare([(stack, ("mask", "initial_state"))], states) == {"GRU": 2}


def compare_in_litert(layers):
    """The same of the interpreter of LiteRT, row by row, time and again."""
    network = Layers(layers, rows=1)
    content, run = litert.convert(network, interpreter)
    for row in (*range(len(MASK)), 0, 0):
        network.hold(run, X[[row]], MASK[[row]])
    network.hold(run, X[:1, :2], MASK[:1, :2])
    x = X[:1].copy()
    x[0, 2] = np.nan  # leaves no trace in later answers
    assert np.isnan(run({"x": x, "mask": MASK[:1]})["output_0"]).any()
    network.hold(run, X[:1], MASK[:1])
    found = interpreter.Interpreter(model_content=content)._get_ops_details()
    nodes = collections.Counter(IN_LITERT.get(node["op_name"]) for node in found)
    return {kind: number for kind, number in nodes.items() if kind}


def in_litert(variant, *, cell=None, **options):
    return Recurrence(cell or build_cell(variant), return_sequences=True, **options)


def test_litert_has_an_operator_of_the_plain_lstm_alone():
    with_operator = [
        (bidirectional("lstm"), ("mask",)),
        (bidirectional("lstm", zero_output_for_mask=True), ("mask",)),
        (in_litert("lstm"), ()),
        (in_litert("lstm", go_backwards=True), ("mask",)),
    ]
    assert compare_in_litert(with_operator) == {"LSTM": 6}
    relu = build_cell("lstm", activation="relu")
    loops = [(in_litert("", cell=relu), ()), (recurrence("lstm"), ()), (in_litert("gru"), ())]
    assert compare_in_litert(loops) == {"Loop": 3}
