"""Whatever runs a recurrence, its numbers are those of the loop; and what is chosen when."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.differentiation import outputs_and_gradients
from support.processors import is_built
from support.sequences import INPUT_DIM, MASK, VARIANTS, assert_all_close, build_cell, sample

from zoo import native
from zoo.errors import UserError
from zoo.layers import Bidirectional, Recurrence, RecurrentStack, engines, handover
from zoo.networks import many_to_one

OF_KERAS = ("lstm", "reset_after_gru", "simplified_gru", "rnn")
OF_NATIVE = ("lstm", "gru", "reset_after_gru", "simplified_gru", "rnn")
PRECISIONS = {"keras": ("float64", 1e-9), "native": ("float32", 1e-5)}
STAND_INS = [("keras", variant) for variant in OF_KERAS]
STAND_INS += [pytest.param("native", variant, marks=is_built) for variant in OF_NATIVE]
ALL_OUTPUTS = {"return_sequences": True, "return_state": True}
WAYS = {
    "masked": (MASK, {}),
    "unmasked": (None, {}),
    "backwards": (MASK, {"go_backwards": True}),
    "backwards, unmasked": (None, {"go_backwards": True}),
    "zero output": (MASK, {"zero_output_for_mask": True}),
    "without bias": (MASK, {}),
}


def by_engine(engine, layer, *arguments, **options):
    """Outputs and gradients, and that the engine did it."""
    recurrences = layer.directions() if isinstance(layer, Bidirectional) else (layer,)
    with engines.use(engine):
        assert {engines.engine_of(recurrence) for recurrence in recurrences} == {engine}
        return outputs_and_gradients(layer, *arguments, **options)


def assert_same(engine, layer, x, states=None, mask=None, tolerance=1e-5):
    expected, found = (by_engine(e, layer, x, states, mask) for e in ("loop", engine))
    assert_all_close(found[0], expected[0], tolerance)
    assert_all_close(found[1], expected[1], tolerance)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("engine", "variant"), STAND_INS)
def test_as_the_loop(engine, variant, way):
    """Outputs, final states, and gradients of inputs, states and weights, of every kind of mask."""
    mask, options = WAYS[way]
    dtype, tolerance = PRECISIONS[engine]
    cell = build_cell(variant, dtype=dtype, use_bias=way != "without bias")
    x, states = sample(cell, dtype=dtype)
    layer = Recurrence(cell, dtype=dtype, **options, **ALL_OUTPUTS)
    assert_same(engine, layer, x, states, mask, tolerance)
    if way == "masked":
        spoilt = np.where(MASK[..., None], x, np.array(np.nan, dtype))
        clean, (found, _) = (by_engine(engine, layer, s, states, MASK) for s in (x, spoilt))
        assert_all_close(found, clean[0], 1e-12)


@pytest.mark.parametrize("options", [{}, {"zero_output_for_mask": True}], ids=str)
@pytest.mark.parametrize(("engine", "variant"), STAND_INS)
def test_in_both_directions(engine, variant, options):
    dtype, tolerance = PRECISIONS[engine]
    options = {"return_sequences": True, "dtype": dtype} | options
    inner = Recurrence(build_cell(variant, dtype=dtype), **options)
    layer = Bidirectional(inner, dtype=dtype)
    x, _ = sample(inner.cell, dtype=dtype)
    for mask in (MASK, None):
        with engines.use(engine):
            assert layer.built or layer.build(x.shape) is None
            assert layer._engine() == engine
        assert_same(engine, layer, x, mask=mask, tolerance=tolerance)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("variant", OF_KERAS)
def test_keras_in_mixed_precision(variant, policy):
    """As near to float32 as the loop is, and of the same types."""
    layers = []
    for dtype in ("float32", policy):
        layers.append(Recurrence(build_cell(variant, dtype=dtype), dtype=dtype, **ALL_OUTPUTS))
    x, states = sample(layers[0].cell, dtype="float32")
    (exact, _), (found, gradients) = (
        by_engine("keras", layer, x, states, MASK) for layer in layers
    )
    _, of_loop = by_engine("loop", layers[1], x, states, MASK)
    for one, other in zip(found, exact, strict=True):
        assert one.dtype == policy.removeprefix("mixed_")
        np.testing.assert_allclose(one.astype("float32"), other, atol=0.05)
    for one, other in zip(gradients, of_loop, strict=True):
        np.testing.assert_allclose(one, other, atol=0.1, rtol=0.1)


@pytest.mark.parametrize("variant", ["gru", pytest.param("lstm", marks=pytest.mark.long)])
def test_xla_as_the_loop(variant):
    """Forwards and backwards, with a mask and without, of lengths that are filled up."""
    cell = build_cell(variant)
    for mask, options in ((MASK, {}), (None, {"go_backwards": True})):
        x, states = sample(cell, dtype="float32")
        layer = Recurrence(cell, **options, **ALL_OUTPUTS)
        assert_same("xla", layer, x, states, mask)
    layer = Bidirectional(Recurrence(cell, return_sequences=True))
    assert_same("xla", layer, x, mask=MASK)


def test_xla_compiles_for_few_lengths():
    layer = RecurrentStack("gru", 2, bidirectional=False)
    layer.build((None, None, INPUT_DIM))
    (recurrence,) = layer.recurrences
    with engines.use("xla"):
        signature = [tf.TensorSpec((None, None, INPUT_DIM))]
        run = tf.function(functools.partial(layer, training=False), signature)
        for length in (1, 5, 8, 3):
            assert run(tf.ones((2, length, INPUT_DIM))).shape == (2, length, 2)
    (trace,) = recurrence._compiled()._list_all_concrete_functions()
    assert trace.structured_input_signature[0][0].shape[0] is None


def test_a_training_starts_and_goes_alike_whatever_runs_it(monkeypatch):
    """In a graph that is made twice; and XLA is not handed the whole of a step."""
    monkeypatch.setattr(engines, "has_gpu", lambda: True)
    handover._layer.cache_clear()
    x = np.resize(np.arange(1, 20), (12, 7)) * (np.arange(7) < np.arange(1, 13)[:, None])
    weights = []
    for engine in ("auto", "loop"):
        with engines.use(engine):
            keras.utils.set_random_seed(4)
            model = many_to_one(20, 2, embedding_dim=3, units=2, cell="lstm")
            model.compile("sgd", "mse")
            assert not model.jit_compile
            for batch in (8, 12):
                model.train_on_batch(x[:batch], np.ones(batch))
        weights.append(model.get_weights())
    assert_all_close(*weights, 1e-5)


def test_the_choice(monkeypatch):
    choice = lambda: {  # noqa: E731
        v: engines.engine_of(Recurrence(build_cell(v), **ALL_OUTPUTS)) for v in VARIANTS
    }
    monkeypatch.setenv(native.VARIABLE, "0")
    assert set(choice().values()) == {"loop"}
    monkeypatch.delenv(native.VARIABLE)
    monkeypatch.setattr(native, "_is_built", lambda: True)
    assert choice() == dict.fromkeys(VARIANTS, "loop") | dict.fromkeys(OF_NATIVE, "native")
    assert engines.engine_of(Recurrence(build_cell("gru", dtype="float64"))) == "loop"
    monkeypatch.setattr(engines, "has_gpu", lambda: True)
    of_keras = dict.fromkeys(OF_KERAS, "keras")
    others = dict.fromkeys(VARIANTS, "xla") | {"normalized_gru": "loop"}
    assert choice() == others | of_keras
    unrolled = Recurrence(build_cell("lstm"), unroll=True)
    assert engines.engine_of(unrolled) == "loop"
    assert engines.engine_of(Recurrence(build_cell("lstm", activation="relu"))) == "xla"
    assert engines.engine_of(Recurrence(keras.layers.LSTMCell(2))) == "loop"
    monkeypatch.setenv(engines.VARIABLE, "loop")
    assert set(choice().values()) == {"loop"}
    with engines.use("keras"):
        assert {v for v, engine in choice().items() if engine == "keras"} == set(OF_KERAS)
    monkeypatch.setenv(engines.VARIABLE, "cuda")
    with pytest.raises(UserError, match="'cuda'; it must be one of auto, loop, native, keras, xla"):
        choice()
    with pytest.raises(ValueError, match="`engine` must be one of"), engines.use("cudnn"):
        pass
