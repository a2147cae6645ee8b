"""The encoder-decoder: its halves, what is shared, what it looks at."""

import keras
import numpy as np
import pytest
from support.language_models import array
from support.sequences import randomize

from zoo.networks import decode_step_model, encode_model, encoder_decoder

SIZE, UNITS = 11, 5
SOURCES = np.array([[3, 4, 5, 6, 2], [4, 9, 0, 0, 0], [7, 0, 0, 0, 0]], "int32")
TARGETS = np.array([[2, 5, 3, 4], [2, 3, 0, 0], [2, 4, 4, 0]], "int32")  # what the decoder reads
VARIANTS = {
    "additive": {},
    "multiplicative, deep": {"attention": "multiplicative", "layers": 2, "residual": True},
    "none, deep": {"attention": None, "layers": 2},
    "feeding": {"input_feeding": True, "bidirectional": False},
    "shared": {"share_embeddings": True},
    "tied": {"tie_embeddings": True, "embedding_dim": UNITS},
    "shared, tied": {"share_embeddings": True, "tie_embeddings": True},
}


def network(variant="additive", random=True, **options):
    options = {"embedding_dim": 4, "units": UNITS, "seed": 1} | VARIANTS[variant] | options
    model = encoder_decoder(SIZE, SIZE, **options)
    if random:
        randomize(model)
    return model


def logits_of(model, sources=SOURCES, targets=TARGETS):
    return array(model({"source_ids": sources, "target_ids": targets}))


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


@pytest.mark.parametrize("variant", ["multiplicative, deep", "feeding"])
def test_weights_of_attention(variant):
    model = network(variant)
    decode, given = decode_step_model(model), dict(encode_model(model)(SOURCES))
    given = {"token_ids": keras.ops.convert_to_tensor(TARGETS[:, 0]), **given}
    weights = array(decode({name: given[name] for name in decode.input})["weights"])
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
