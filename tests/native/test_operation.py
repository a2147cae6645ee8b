"""The native operation beyond what `tests/layers` asks of every engine."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from support.differentiation import differentiate, outputs_and_gradients
from support.processors import is_built
from support.sequences import assert_all_close, build_cell, sample

from zoo import native
from zoo.layers import Recurrence, RecurrentStack, engines
from zoo.native import operation

pytestmark = is_built
VARIANTS = ("lstm", "gru", "reset_after_gru", "simplified_gru", "rnn")
ALL_OUTPUTS = {"return_sequences": True, "return_state": True}
SIZES = {  # batch, timesteps, input_dim, units
    "one unit": (2, 5, 3, 1),
    "odd": (35, 7, 5, 33),
    "one sequence, wide": (1, 9, 130, 150),
    "no sequence": (0, 4, 3, 5),
    "2,000 steps": (2, 2000, 2, 3),
}


def by_both(layer, *arguments, **options):
    """Outputs and gradients by the loop and by the operation, in graphs."""
    found = []
    for engine in ("loop", "native"):
        with engines.use(engine):
            assert engines.engine_of(layer) == engine
            graph = tf.function(functools.partial(differentiate, layer, **options), autograph=False)
            tensors = tf.nest.map_structure(tf.constant, arguments)
            found.append(
                [
                    [*map(np.array, tf.nest.map_structure(tf.convert_to_tensor, some))]
                    for some in graph(*tensors)
                ]
            )
    return found


def layer_of(variant, size, dtype="float32", **options):
    batch, timesteps, input_dim, units = size
    cell = build_cell(variant, units, input_dim)
    for weight in cell.trainable_variables:  # as small as those of a network
        weight.assign(weight / np.sqrt(weight.shape[0]))
    x, states = sample(cell, batch, timesteps, input_dim, dtype="float32")
    return Recurrence(cell, **ALL_OUTPUTS, **options), x, states


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_sizes(variant, size):
    """Also that a gradient in inference, for which nothing is kept, is the same."""
    layer, x, states = layer_of(variant, SIZES[size])
    mask = np.random.default_rng(1).random(x.shape[:2]) < 0.6
    tolerance = 1e-4 if size == "2,000 steps" else 2e-5  # sums of many terms
    for training in (True, False):
        loop, ours = by_both(layer, x, states, mask, training=training)
        assert_all_close(ours[0], loop[0], 1e-5)
        for one, other in zip(ours[1], loop[1], strict=True):
            scale = max(1, np.abs(other).max(initial=0))
            np.testing.assert_allclose(one / scale, other / scale, atol=tolerance)


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_are_slopes(variant):
    layer, x, states = layer_of(variant, (3, 6, 4, 20))
    with engines.use("native"):
        _, gradients = outputs_and_gradients(layer, x, states)
        generator, step = np.random.default_rng(7), 3e-3
        cotangents = [generator.normal(size=y.shape) for y in layer(x, initial_state=states)]

        def value():
            outputs = layer(x, initial_state=states)
            pairs = zip(outputs, cotangents, strict=True)
            return sum(np.sum(np.array(y, "float64") * c) for y, c in pairs)

        constants = [tf.constant(c, "float32") for c in cotangents]
        weights = layer.trainable_variables
        with tf.GradientTape() as tape:
            outputs = layer(x, initial_state=states, training=True)
        gradients = tape.gradient(outputs, [w.value for w in weights], output_gradients=constants)
        for weight, gradient in zip(weights, gradients, strict=True):
            before, direction = weight.numpy(), generator.normal(size=weight.shape)
            sides = []
            for sign in (1, -1):
                weight.assign(before + sign * step * direction)
                sides.append(value())
            weight.assign(before)
            slope = (sides[0] - sides[1]) / (2 * step)
            np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=5e-3, atol=2e-2)


@pytest.mark.parametrize("instructions", [0, 1, 2])
def test_every_set_of_instructions(instructions, monkeypatch):
    """Those that the processor lacks are replaced by the best that it has."""
    layer, x, states = layer_of("lstm", (5, 4, 6, 35))
    monkeypatch.setattr(operation, "_threads", lambda: 3)
    monkeypatch.setattr(
        operation, "run", functools.partial(operation.run, instructions=instructions)
    )
    mask = np.ones(x.shape[:2], bool)  # without one the loop forgets the number of steps in a graph
    loop, ours = by_both(layer, x, states, mask)
    assert_all_close(ours[0], loop[0], 1e-5)
    assert_all_close(ours[1], loop[1], 2e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_no_number(variant, value):
    """It goes where it goes in the loop, and not to other sequences or units."""
    layer, x, _ = layer_of(variant, (3, 4, 2, 17))
    x[1, 2, 0] = value
    with engines.use("loop"):
        expected = [np.array(y) for y in layer(x)]
    with engines.use("native"):
        found = [np.array(y) for y in layer(x)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_projected_in_the_layer_before():
    """As the tagger reads tokens that occur again and again: time-major, in both directions."""
    stack = RecurrentStack("gru", 4, layers=2)
    x = np.random.default_rng(2).normal(size=(3, 5, 2)).astype("float32")
    mask = np.arange(5) < np.array([[5], [2], [4]])
    found = {}
    for engine in ("loop", "native"):
        with engines.use(engine):
            stack.build(x.shape)
            assert stack.can_project
            found[engine] = stack.read_projected(stack.project(x.swapaxes(0, 1)), mask.T)
    np.testing.assert_allclose(found["native"], found["loop"], atol=1e-5)


def test_one_initial_state_for_all_sequences():
    layer, x, states = layer_of("lstm", (3, 4, 2, 5))
    one = [state[:1] for state in states]
    with engines.use("native"):
        found, expected = (
            layer(x, initial_state=s) for s in (one, [np.repeat(o, 3, axis=0) for o in one])
        )
    assert_all_close([*map(np.array, found)], [*map(np.array, expected)], 1e-6)


def test_wrong_shapes_are_told():
    layer, x, states = layer_of("lstm", (3, 4, 2, 5))
    with engines.use("native"):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"kernel: shape .*\(3, 20\)"):
            layer(np.zeros((3, 4, 3), "float32"))
        wrong = [state[:2] for state in states]
        told = r"initial state: shape \(2, 5\), expected \(3, 5\)"
        with pytest.raises(tf.errors.InvalidArgumentError, match=told):
            layer(x, initial_state=wrong)


def test_second_derivatives_are_refused():
    layer, x, _ = layer_of("gru", (1, 2, 2, 3))
    x = tf.constant(x)
    with engines.use("native"), tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = layer(x, training=True)[0]
        slope = inner.gradient(y, x)
    with pytest.raises(NotImplementedError, match=r'engines.use\("loop"\)'):
        outer.gradient(slope, x)


def test_xla_compiles_the_loop():
    layer, x, _ = layer_of("gru", (2, 3, 2, 3))
    chosen = []

    @tf.function(jit_compile=True)
    def compiled(x):
        chosen.append(engines.engine_of(layer))
        return layer(x)[0]

    np.testing.assert_allclose(compiled(x), layer(x)[0], atol=1e-5)
    assert chosen == ["loop"]
    assert not layer.supports_jit  # else Keras would compile the training of every model


def test_the_threads_are_those_of_tensorflow(monkeypatch):
    threads = tf.config.threading
    monkeypatch.setattr(threads, "get_intra_op_parallelism_threads", lambda: 3)
    assert operation._threads() == 3
    monkeypatch.setattr(threads, "get_intra_op_parallelism_threads", lambda: 0)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "5")
    assert operation._threads() == 5


def test_it_is_found_and_turned_off(monkeypatch):
    assert native.state() == "the native operation"
    monkeypatch.setenv(native.CHOICE, "loop")
    assert native.state() == "loop (ZOO_RECURRENCE)"
    monkeypatch.delenv(native.CHOICE)
    monkeypatch.setenv(native.VARIABLE, "0")
    assert native.state() == "the loop of the zoo (ZOO_NATIVE=0)"
    assert not native.is_on()
