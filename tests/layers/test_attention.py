"""Attention and the decoder that uses it, against NumPy, in float64."""

import numpy as np
import pytest
from support.layer_case import normal
from support.sequences import MASK, randomize

from zoo.layers import Attention, AttentionDecoder

KINDS = ("additive", "multiplicative")
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
BATCH, SOURCE = MASK.shape
STEPS, QUERY, UNITS, MEMORY = 4, 3, 3, 2


def attention(kind, dtype="float64"):
    """A layer with random weights, queries and a memory."""
    layer = Attention(kind, UNITS, dtype=dtype)
    query, memory = normal(BATCH, STEPS, QUERY), normal(BATCH, SOURCE, MEMORY, seed=1)
    layer(query, layer.keys(memory), memory)
    randomize(layer)
    return layer, query, memory


def by_hand(layer, query, memory, mask):
    """Context and weights, one query, one row and one step of the source at a time."""
    kernel = np.array(layer.memory_layer.kernel)
    contexts, weights = np.zeros((BATCH, STEPS, MEMORY)), np.zeros((BATCH, STEPS, SOURCE))
    for i, t in np.ndindex(BATCH, STEPS):
        steps = np.flatnonzero(mask[i])
        energies = []
        for s in steps:
            key = memory[i, s] @ kernel
            if layer.kind == "additive":
                hidden = np.tanh(query[i, t] @ np.array(layer.query_layer.kernel) + key)
                energies.append(hidden @ np.array(layer.energy)[:, 0])
            else:
                energies.append(query[i, t] @ key)
        shares = np.exp(energies) / np.exp(energies).sum()
        for s, share in zip(steps, shares, strict=True):
            weights[i, t, s] = share
            contexts[i, t] += share * memory[i, s]
    return contexts, weights


@EACH_KIND
def test_every_query_by_hand(kind):
    layer, query, memory = attention(kind)
    found = layer(query, layer.keys(memory), memory, mask=MASK)
    for one, expected in zip(found, by_hand(layer, query, memory, MASK), strict=True):
        np.testing.assert_allclose(one, expected, atol=1e-12)
    assert not np.array(found[1])[~np.repeat(MASK[:, None], STEPS, axis=1)].any()  # exactly 0


@EACH_KIND
def test_queries_side_by_side_are_a_sequence(kind):
    """As the beams of a search are, which share a memory."""
    layer, query, memory = attention(kind)
    keys = layer.keys(memory)
    of_sequence = layer(query, keys, memory, mask=MASK)
    side_by_side = layer(query.reshape(-1, QUERY), keys, memory, mask=MASK)
    for one, other in zip(side_by_side, of_sequence, strict=True):
        np.testing.assert_allclose(np.reshape(one, other.shape), other, atol=1e-12)


def test_large_energies_do_not_overflow():
    layer, query, memory = attention("multiplicative", "float32")
    context, weights = layer(1e6 * query, layer.keys(memory), memory, mask=MASK)
    assert np.isfinite(context).all()
    np.testing.assert_allclose(np.sum(weights, axis=-1)[:-1], 1, atol=1e-6)


def decoder(**options):
    layer = AttentionDecoder(units=UNITS, dtype="float64", **options)
    memory, x = normal(BATCH, SOURCE, MEMORY, seed=1), normal(BATCH, STEPS, 2)
    states = [normal(BATCH, size, seed=i) for i, size in enumerate(layer.recurrence.state_sizes)]
    arguments = (x, states) if options.get("attention", 1) is None else (x, states, memory)
    layer(*arguments)
    randomize(layer)
    return layer, arguments


@EACH_KIND
@pytest.mark.parametrize("input_feeding", [False, True])
def test_decoder_by_hand(kind, input_feeding):
    """Of an RNN unit: the recurrence, attention to the memory, and both combined."""
    layer, (x, states, memory) = decoder(cell="rnn", attention=kind, input_feeding=input_feeding)
    cell = layer.recurrence.recurrences[0].cell
    kernel, bias = np.array(layer.combination.kernel), np.array(layer.combination.bias)
    (a,), fed = states, np.zeros((BATCH, UNITS))
    found = layer(x, states, memory, memory_mask=MASK)
    for t in range(STEPS):
        read = np.concatenate([x[:, t], fed], axis=-1) if input_feeding else x[:, t]
        a = np.tanh(
            read @ np.array(cell.kernel) + a @ np.array(cell.recurrent_kernel) + np.array(cell.bias)
        )
        context, _ = by_hand(layer.attention, np.repeat(a[:, None], STEPS, axis=1), memory, MASK)
        fed = np.tanh(np.concatenate([context[:, 0], a], axis=-1) @ kernel + bias)
        np.testing.assert_allclose(found[:, t], fed, atol=1e-12)


def test_options_that_no_output_shows_are_in_the_configuration():
    options = {"cell": "peephole_lstm", "cell_options": {"peephole": "diagonal"}, "dropout": 0.2}
    config = AttentionDecoder(**options).get_config()
    assert config | options == config
    assert AttentionDecoder.from_config(config).get_config() == config


def test_queries_of_another_size_are_refused():
    layer, memory = Attention("multiplicative", QUERY + 1), normal(BATCH, SOURCE, MEMORY)
    keys = layer.keys(memory)
    with pytest.raises(ValueError, match="size of the queries"):
        layer(normal(BATCH, QUERY), keys, memory)
