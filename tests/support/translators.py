"""Small encoder-decoders, pairs of sentences, and the numbers of a saved one on the backend in use.

python translators.py FOLDER
"""

import sys
from pathlib import Path

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


def numbers(model):
    """{name: array}: logits, of steps too, and the losses of training. None at padding."""
    from zoo.training import SequenceCrossentropy

    real = TARGETS > 0
    results = {"logits": logits_of(model)[real]}
    step, state = translator(model)
    state = state(SOURCES)
    for t in range(2):
        logits, state = step(TARGETS[:, t], state)
        results |= {f"logits of step {t}": array(logits)}

    model.compile(
        keras.optimizers.SGD(0.5),
        SequenceCrossentropy("mean_per_step"),
        run_eagerly=keras.backend.backend() == "tensorflow",  # sooner done
    )
    inputs = {"source_ids": SOURCES, "target_ids": TARGETS}
    following = np.array([[5, 3, 4, 2], [3, 2, 0, 0], [4, 4, 2, 0]])
    for i in range(2):
        loss = model.train_on_batch(inputs, following, sample_weight=real.astype("float32"))
        results[f"loss {i}"] = loss
    return results | {"after it": logits_of(model)[real]}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    model = keras.saving.load_model(folder / "model.keras")
    np.savez(folder / f"{keras.backend.backend()}.npz", **numbers(model))
