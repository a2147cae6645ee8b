"""Streams in pieces, and what a language model gives."""

import keras
import numpy as np

from zoo.networks import initial_states

VOCABULARY, UNITS = 11, 5


def pieces(ids, targets, timesteps, padding=0):
    """Inputs, targets and weights as `StreamBatches` gives them; ids (rows, n)."""
    fresh = True
    for start in range(0, ids.shape[1], timesteps):
        part = slice(start, start + timesteps)
        missing = [(0, 0), (0, max(0, start + timesteps - ids.shape[1]))]
        weights = np.pad(np.ones_like(ids[:, part], "float32"), missing)
        inputs = {
            "token_ids": np.pad(ids[:, part], missing),
            "fresh": np.full(len(ids), fresh),
        }
        yield inputs, np.pad(targets[:, part], missing), weights
        fresh = False


def stream(rows=3, steps=12, seed=0):
    """Ids and the ids after them, (rows, steps) each; no padding."""
    generator = np.random.default_rng(seed)
    ids = generator.integers(1, VOCABULARY, size=(rows, steps + 1)).astype("int32")
    return ids[:, :-1], ids[:, 1:]


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def logits_and_states(model, ids, states=None):
    """What a model gives, as arrays; from zero states if none are given."""
    states = initial_states(model, len(ids)) if states is None else states
    ids = keras.ops.convert_to_tensor(ids)
    states = {name: keras.ops.convert_to_tensor(state) for name, state in states.items()}
    outputs = {name: array(value) for name, value in model({"token_ids": ids, **states}).items()}
    return outputs.pop("logits"), outputs
