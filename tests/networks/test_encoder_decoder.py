"""The encoder-decoder: padding, one step at a time, what is shared, files, backends, learning."""

import importlib.util
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from support import translators
from support.processes import run_script
from support.sequences import randomize
from support.translators import (
    END,
    SIZE,
    SOURCES,
    TARGETS,
    UNITS,
    array,
    logits_of,
    numbers,
    translator,
)

from zoo.cells import CELLS
from zoo.generation import beam_search
from zoo.networks import decode_step_model, encode_model, encoder_decoder

VARIANTS = {
    "additive": {},
    "multiplicative, deep": {"attention": "multiplicative", "layers": 2, "residual": True},
    "none, deep": {"attention": None, "layers": 2},
    "feeding": {"input_feeding": True, "bidirectional": False},
    "feeding, deep": {"input_feeding": True, "layers": 2, "residual": True},
    "shared": {"share_embeddings": True},
    "tied": {"tie_embeddings": True, "embedding_dim": UNITS},
    "shared, tied": {"share_embeddings": True, "tie_embeddings": True},
}
REAL = TARGETS > 0


def network(variant="additive", random=True, **options):
    options = {"embedding_dim": 4, "units": UNITS, "seed": 1} | VARIANTS[variant] | options
    model = encoder_decoder(SIZE, SIZE, **options)
    if random:
        randomize(model)
    return model


EACH_CELL = pytest.mark.parametrize(
    ("variant", "cell"),
    [
        *((variant, "lstm") for variant in VARIANTS),
        *(("multiplicative, deep", cell) for cell in CELLS if cell != "lstm"),
    ],
)


@EACH_CELL
def test_padding_changes_nothing(variant, cell):
    model = network(variant, cell=cell)
    together = logits_of(model)
    assert together.shape == (*TARGETS.shape, SIZE)
    for i, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True)):
        alone = logits_of(model, source[None, source > 0], target[None, target > 0])
        np.testing.assert_allclose(together[i, REAL[i]], alone[0], atol=1e-5)


@EACH_CELL
def test_steps_are_the_sequence(variant, cell):
    model = network(variant, cell=cell, dropout=0.5)
    logits = logits_of(model)
    step, state = translator(model)
    state = state(SOURCES)
    for t in range(TARGETS.shape[1]):
        at_t, state = step(TARGETS[:, t], state)
        np.testing.assert_allclose(array(at_t)[REAL[:, t]], logits[REAL[:, t], t], atol=1e-5)


def test_inputs_and_outputs_of_the_halves():
    model = network("feeding", cell="lstm", layers=2)
    encode, decode = encode_model(model), decode_step_model(model)
    states = {f"state_{i}" for i in range(4)}
    assert set(encode.output) == {"mask", "memory", "keys", "fed", *states}
    assert set(decode.input) == {"token_ids", *encode.output}
    assert set(decode.output) == {"logits", "weights", "fed", *states}
    encoded = encode(SOURCES)
    np.testing.assert_array_equal(encoded["mask"], SOURCES > 0)
    np.testing.assert_array_equal(encoded["fed"], np.zeros((3, UNITS)))
    without = network("none, deep", cell="gru")
    assert set(encode_model(without).output) == {"mask", "state_0", "state_1"}
    assert set(decode_step_model(without).input) == {"token_ids", "state_0", "state_1"}
    assert set(decode_step_model(without).output) == {"logits", "state_0", "state_1"}


@pytest.mark.parametrize("variant", ["none, deep", "feeding, deep", "shared, tied"])
def test_halves_share_the_weights_and_the_decoder_has_no_loop(variant):
    model = network(variant)
    encode, decode = encode_model(model), decode_step_model(model)
    whole = {id(weight) for weight in model.trainable_weights}
    halves = {id(weight) for half in (encode, decode) for weight in half.trainable_weights}
    assert halves == whole
    assert not any(isinstance(layer, keras.layers.RNN) for layer in decode._flatten_layers())


@pytest.mark.parametrize("bidirectional", [False, True])
def test_first_states_are_of_the_ends_of_the_memory(bidirectional):
    model = network(bidirectional=bidirectional, cell="lstm")
    encoded = encode_model(model)(SOURCES)
    memory = array(encoded["memory"])
    kernel, bias = map(np.array, model.get_layer("bridge").weights)
    for i, length in enumerate((SOURCES > 0).sum(axis=1)):
        ends = [memory[i, length - 1, :UNITS], memory[i, 0, UNITS:]]
        expected = np.tanh(np.concatenate(ends) @ kernel + bias)
        found = [encoded[f"state_{k}"][i] for k in range(2)]
        np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-6)


def test_hypotheses_have_the_probability_of_the_network():
    model = network("feeding")
    step, state = translator(model)
    start = keras.ops.full((len(SOURCES),), END, dtype="int32")
    found = beam_search(step, start, state(SOURCES), beams=2, length=3, end_id=END, forbidden=(0,))
    tokens, lengths = array(found.tokens), array(found.lengths)
    for beam in range(2):
        read = np.concatenate([array(start)[:, None], tokens[:, beam, :-1]], axis=1)
        log_p = array(keras.ops.log_softmax(logits_of(model, SOURCES, read)))
        log_p = np.take_along_axis(log_p, tokens[:, beam, :, None], axis=-1)[..., 0]
        log_p = np.where(np.arange(3) < lengths[:, beam, None], log_p, 0)
        np.testing.assert_allclose(found.log_probabilities[:, beam], log_p.sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize("variant", ["multiplicative, deep", "feeding"])
def test_weights_of_attention(variant):
    model = network(variant)
    decode = decode_step_model(model)
    _, state = translator(model)
    inputs = {"token_ids": keras.ops.convert_to_tensor(TARGETS[:, 0]), **state(SOURCES)}
    weights = array(decode(inputs)["weights"])
    assert weights.shape == SOURCES.shape
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(weights > 0, SOURCES > 0)


@pytest.mark.parametrize("variant", ["additive", "none, deep", "feeding"])
def test_what_the_logits_depend_on(variant):
    """The whole source, in its order, and the target up to their step."""
    model = network(variant)
    logits = logits_of(model)
    for t in (0, 4):
        sources = SOURCES.copy()
        sources[0, t] = 8
        assert (np.abs(logits_of(model, sources) - logits)[0].max(axis=-1) > 1e-6).all()
    moved = logits_of(model, SOURCES[:, ::-1])  # row 0 has no padding
    assert (np.abs(moved - logits)[0].max(axis=-1) > 1e-6).all()
    targets = TARGETS.copy()
    targets[0, 2] = 9
    differs = np.abs(logits_of(model, SOURCES, targets) - logits)[0].max(axis=-1) > 1e-6
    np.testing.assert_array_equal(differs, [False, False, True, True])


@pytest.mark.parametrize("variant", ["additive", "feeding"])
def test_a_source_or_target_of_padding_only_gives_numbers(variant):
    model = network(variant)
    sources, targets = SOURCES.copy(), TARGETS.copy()
    sources[1] = targets[2] = 0
    assert np.isfinite(logits_of(model, sources, targets)).all()


def test_number_of_weights():
    """Shared and tied tables are there once."""
    lstm = 4 * UNITS * (4 + UNITS + 1)
    around = (
        2 * lstm  # an encoder in both directions
        + lstm
        + (2 * UNITS + 1) * 2 * UNITS  # bridge
        + 2 * UNITS * UNITS + UNITS * UNITS + UNITS  # attention: memory, query, energy
        + (3 * UNITS + 1) * UNITS  # combination
    )  # fmt: skip
    table, logits = SIZE * 4, (UNITS + 1) * SIZE
    projection = (UNITS + 1) * 4
    counts = {
        "additive": around + 2 * table + logits,
        "shared": around + table + logits,
        "shared, tied": around + table + projection + SIZE,
    }
    assert {variant: network(variant).count_params() for variant in counts} == counts


@pytest.mark.parametrize("variant", ["tied", "shared, tied"])
def test_a_tied_table_is_one_variable(variant):
    """A new vector of a target token changes the logits of that token at all steps."""
    model = network(variant)
    before = logits_of(model)
    table = model.get_layer("target_embedding").weights[0]
    changed = np.array(table)
    changed[10] += 1  # a token that no sentence has
    table.assign(changed)
    differs = np.abs(logits_of(model) - before).max(axis=(0, 1)) > 1e-6
    np.testing.assert_array_equal(np.flatnonzero(differs), [10])
    if variant == "shared, tied":
        assert not any(layer.name == "source_embedding" for layer in model.layers)


@pytest.mark.parametrize("variant", ["multiplicative, deep", "feeding"])
def test_dropout_is_in_training_only(variant):
    model, plain = network(variant, dropout=0.5), network(variant)
    np.testing.assert_array_equal(logits_of(model), logits_of(plain))
    draws = [logits_of(model, training=True) for _ in range(2)]
    assert not np.allclose(*draws)
    for name in ("source_dropout", "target_dropout", "output_dropout"):
        kept = array(model.get_layer(name)(np.ones((2, 50, 8), "float32"), training=True)) > 0
        assert 0.4 < kept.mean() < 0.6
    assert model.get_layer("encoder").dropout == 0.5
    assert model.get_layer("decoder").recurrence.dropout == 0.5


@pytest.mark.parametrize("variant", ["multiplicative, deep", "feeding", "shared, tied"])
def test_every_weight_gets_a_gradient(variant):
    import tensorflow as tf

    model = network(variant)
    with tf.GradientTape() as tape:
        logits = model({"source_ids": SOURCES, "target_ids": TARGETS}, training=True)
        loss = tf.reduce_sum(tf.boolean_mask(logits, REAL) ** 2)
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
        gradient = tf.convert_to_tensor(gradient)
        assert np.isfinite(gradient).all(), weight.path
        assert np.any(gradient), weight.path


def test_learns_to_reverse():
    generator = np.random.default_rng(0)
    words = generator.integers(3, SIZE, size=(512, 4)).astype("int32")
    end = np.full((512, 1), 2, "int32")
    reversed_words = np.concatenate([words[:, ::-1], end], axis=1)
    inputs = {"source_ids": words, "target_ids": np.roll(reversed_words, 1, axis=1)}
    model = network("multiplicative, deep", random=False, units=32, embedding_dim=16, layers=1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    held_out = {name: ids[448:] for name, ids in inputs.items()}
    first = model.evaluate(held_out, reversed_words[448:], verbose=0)
    trained = {name: ids[:448] for name, ids in inputs.items()}
    model.fit(trained, reversed_words[:448], batch_size=32, epochs=6, verbose=0)
    last = model.evaluate(held_out, reversed_words[448:], verbose=0)
    assert first > 2
    assert last < 0.5


def test_mixed_precision_and_a_file_of_it(tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        models = [network(variant) for variant in ("feeding, deep", "shared, tied")]
    finally:
        keras.config.set_dtype_policy(before)
    for model, variant in zip(models, ("feeding, deep", "shared, tied"), strict=True):
        assert model.get_layer("decoder").recurrence.compute_dtype == "bfloat16"
        assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
        logits = logits_of(model)
        assert logits.dtype.name == "float32"
        np.testing.assert_allclose(logits[REAL], logits_of(network(variant))[REAL], atol=0.4)
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(logits_of(loaded), logits)
        step, state = translator(loaded)
        at_first, state = step(TARGETS[:, 0], state(SOURCES))
        np.testing.assert_allclose(array(at_first), logits[:, 0], atol=0.1)
        carried = [x for name, x in state.items() if name not in ("mask", "memory", "keys")]
        assert {x.dtype.name for x in carried} == {"float32"}


@pytest.mark.parametrize("variant", ["additive", "feeding"])
def test_no_warnings(variant):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = network(variant)
        logits_of(model)
        logits_of(model, SOURCES[:, :1])  # one word: a softmax over one step
        step, state = translator(model)
        step(TARGETS[:, 0], state(SOURCES))


def test_seed_fixes_the_weights():
    one, same, other = (network(random=False, seed=s).get_weights() for s in (3, 3, 4))
    assert all(np.array_equal(*pair) for pair in zip(one, same, strict=True))
    assert not all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"input_feeding": True, "attention": None}, "needs `attention`"),
        ({"attention": "dot"}, "one of additive"),
        ({"cell": "elman"}, "one of rnn"),
        ({"layers": 0}, "at least 1"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        network(**wrong)


def test_two_vocabularies_cannot_share_a_table():
    with pytest.raises(ValueError, match="one vocabulary"):
        encoder_decoder(9, 10, share_embeddings=True)


@pytest.mark.parametrize(("backend", "variant"), [("jax", "feeding"), ("torch", "shared, tied")])
def test_a_file_in_a_new_process(backend, variant, tmp_path):
    """Loaded by `zoo.networks` alone, it gives and trains the same on any backend."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    model = network(variant)
    model.save(tmp_path / "model.keras")
    script = Path(translators.__file__)
    run_script(script, tmp_path, KERAS_BACKEND=backend, JAX_DISABLE_MOST_OPTIMIZATIONS="1")
    expected = numbers(model)
    with np.load(tmp_path / f"{backend}.npz") as found:
        assert set(found) == set(expected)
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, atol=1e-4, rtol=1e-4, err_msg=name)
