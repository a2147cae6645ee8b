"""Small language models, streams in pieces, and the numbers of a saved one on the backend in use.

python language_models.py FOLDER
"""

import sys
from pathlib import Path

import keras
import numpy as np

from zoo.networks import StreamModel, initial_states, step_model

VOCABULARY, UNITS = 11, 5


def pieces(ids, targets, timesteps, padding=0):
    """Inputs, targets and weights as `zoo.datasets.StreamBatches` gives them; ids (rows, n)."""
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


def numbers(model):
    """{name: array}: logits and states of a sequence and of steps, and of training on a stream."""
    from zoo.training import Perplexity, SequenceCrossentropy

    ids, targets = stream()
    ids[0, 7:] = 0
    logits, states = logits_and_states(model, ids)
    results = {"logits": logits, **states}
    step, states = step_model(model), None
    for t in range(3):
        logits, states = logits_and_states(step, ids[:, t], states)
        results |= {f"step {t} {name}": s for name, s in {"logits": logits, **states}.items()}

    ids, targets = stream(seed=1)
    trained = StreamModel(model, len(ids))
    trained.compile(
        keras.optimizers.SGD(0.5),
        SequenceCrossentropy("mean_per_step"),
        weighted_metrics=[Perplexity()],
        run_eagerly=keras.backend.backend() == "tensorflow",  # sooner done
    )
    for i, (x, y, weights) in enumerate(pieces(ids, targets, 5)):
        figures = trained.train_on_batch(x, y, sample_weight=weights, return_dict=True)
        results |= {f"{name} {i}": value for name, value in figures.items()}
    results |= {f"carried {name}": array(state) for name, state in trained.states.items()}
    return results | {"after it": logits_and_states(model, ids)[0]}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    model = keras.saving.load_model(folder / "model.keras")
    np.savez(folder / f"{keras.backend.backend()}.npz", **numbers(model))
