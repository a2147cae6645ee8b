"""The encoder-decoder: its halves, what is shared, what it looks at, learning."""

import keras
import numpy as np
import pytest
from support.sequences import randomize
from support.translators import (
    END,
    SIZE,
    SOURCES,
    TARGETS,
    UNITS,
    array,
    logits_of,
    translator,
)

from zoo.generation import beam_search
from zoo.networks import decode_step_model, encode_model, encoder_decoder

VARIANTS = {
    "additive": {},
    "multiplicative, deep": {"attention": "multiplicative", "layers": 2, "residual": True},
    "none, deep": {"attention": None, "layers": 2},
    "feeding": {"input_feeding": True, "bidirectional": False},
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


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"input_feeding": True, "attention": None}, "needs `attention`"),
        ({"attention": "dot"}, "one of additive"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        network(**wrong)


def test_two_vocabularies_cannot_share_a_table():
    with pytest.raises(ValueError, match="one vocabulary"):
        encoder_decoder(9, 10, share_embeddings=True)
