"""The encoder-decoder: its halves, what is shared, what it looks at."""

import keras
import numpy as np
import pytest
from support.network_case import CASES, UNITS, WORDS, array

from zoo.networks import decode_step_model, encode_model

CASE = CASES["encoder_decoder"]
SOURCES, TARGETS = CASE.inputs["source_ids"], CASE.inputs["target_ids"]


def logits_of(model, sources=SOURCES, targets=TARGETS):
    return array(model({"source_ids": sources, "target_ids": targets}))


def test_first_states_are_of_the_ends_of_the_memory():
    for both in (False, True):
        model = CASE.make(bidirectional=both)
        encoded = encode_model(model)(SOURCES)
        memory = array(encoded["memory"])
        kernel, bias = map(np.array, model.get_layer("bridge").weights)
        for i, length in enumerate((SOURCES > 0).sum(axis=1)):
            ends = [memory[i, length - 1, :UNITS], memory[i, 0, UNITS:]]
            expected = np.tanh(np.concatenate(ends) @ kernel + bias)
            found = [encoded[f"state_{k}"][i] for k in range(2)]
            np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["encoder_decoder, multiplicative", "encoder_decoder, feeding"])
def test_weights_of_attention(name):
    model = CASES[name].make()
    decode, given = decode_step_model(model), dict(encode_model(model)(SOURCES))
    given = {"token_ids": keras.ops.convert_to_tensor(TARGETS[:, 0]), **given}
    weights = array(decode({name: given[name] for name in decode.input})["weights"])
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(weights > 0, SOURCES > 0)
    without = decode_step_model(CASES["encoder_decoder without attention"].make())
    assert set(without.output) == {"logits", *(f"state_{i}" for i in range(4))}


@pytest.mark.parametrize("name", [n for n in CASES if n.startswith("encoder_decoder")][:4])
def test_logits_hang_on_the_whole_source_in_its_order(name):
    model = CASES[name].make()
    logits = logits_of(model)[0]  # row 0 has no padding
    for t in (0, SOURCES.shape[1] - 1):
        sources = SOURCES.copy()
        sources[0, t] = sources[0, t] % (WORDS - 1) + 1
        assert (np.abs(logits_of(model, sources)[0] - logits).max(axis=-1) > 1e-6).all()
    moved = logits_of(model, SOURCES[:, ::-1])[0]
    assert (np.abs(moved - logits).max(axis=-1) > 1e-6).all()


@pytest.mark.parametrize("name", ["encoder_decoder, tied", "encoder_decoder, shared"])
def test_a_tied_table_is_one_variable(name):
    """A new vector of a target token changes the logits of that token at all steps."""
    model, ids = CASES[name].make(), {"sources": SOURCES % 9, "targets": TARGETS % 9}
    before = logits_of(model, **ids)
    table = model.get_layer("target_embedding").weights[0]
    changed = np.array(table)
    changed[10] += 1  # a token that no sentence has
    table.assign(changed)
    differs = np.abs(logits_of(model, **ids) - before).max(axis=(0, 1)) > 1e-6
    np.testing.assert_array_equal(np.flatnonzero(differs), [10])
    layers = {layer.name for layer in model.layers}
    assert ("source_embedding" in layers) == (name == "encoder_decoder, tied")
