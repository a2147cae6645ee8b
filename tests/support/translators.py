"""Pairs of sentences, and an encoder-decoder step by step."""

import keras
import numpy as np

from zoo.networks import decode_step_model, encode_model

SIZE, UNITS, END = 11, 5, 2
SOURCES = np.array([[3, 4, 5, 6, 2], [4, 9, 0, 0, 0], [7, 0, 0, 0, 0]], "int32")
TARGETS = np.array([[2, 5, 3, 4], [2, 3, 0, 0], [2, 4, 4, 0]], "int32")  # what the decoder reads


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def logits_of(model, sources=SOURCES, targets=TARGETS, **options):
    return array(model({"source_ids": sources, "target_ids": targets}, **options))


def translator(model):
    """`step(token_ids, state)` for `zoo.generation`, and `state(sources)`."""
    encode, decode = encode_model(model), decode_step_model(model)

    def state(sources):
        encoded = encode(keras.ops.convert_to_tensor(sources))
        return {name: encoded[name] for name in encoded if name in decode.input}

    def step(token_ids, state):
        outputs = dict(decode({"token_ids": keras.ops.convert_to_tensor(token_ids), **state}))
        logits = outputs.pop("logits")
        outputs.pop("weights", None)
        return logits, state | outputs

    return step, state
