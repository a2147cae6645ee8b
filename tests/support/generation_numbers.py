"""What is generated on the backend in use: python generation_numbers.py FILE.npz."""

import sys

import keras
import numpy as np
from keras import ops

from support import label_paths
from support.step_models import END, VOCABULARY, Recurrent
from zoo.generation import beam_search, ctc, generate, truncated, uniforms
from zoo.layers.scan import scan

BATCH, STEPS = 6, 30
RUNS = {
    "plain": {},
    "end": {"end_id": END},
    "limits": {"end_id": END, "limits": np.array([1, 4, 12, 2, 9, 0])},
    "settings": {"temperature": 1.3, "top_k": 4, "top_p": 0.9, "forbidden": (0, 1)},
    "rows": {"top_k": np.array([0, 2, 3, 0, 1, 5]), "top_p": np.full(BATCH, 0.8, "float32")},
}


def numbers():
    """{name: array} of samples, greedy choice and beams, with the calls of `step` that ran."""
    calls = []
    count, model = _counter(calls), Recurrent(end_bias=1.0)
    start, state = np.arange(BATCH) % VOCABULARY, model.state(BATCH)
    u = uniforms(np.arange(BATCH), 60, STEPS).numpy()

    def step(token_ids, state):
        count()
        return model.step(token_ids, state)

    def counted(function, **settings):
        calls.clear()
        result = function(step, start, state, **settings)
        return result, np.array(len(calls))

    results = {name: counted(generate, uniforms=u, **settings) for name, settings in RUNS.items()}
    results["greedy"] = counted(generate, steps=STEPS, end_id=END)
    for penalty in (0.0, 1.0):
        settings = {"beams": 3, "length": 8, "end_id": END, "length_penalty": penalty}
        results[f"beams {penalty}"] = counted(beam_search, **settings)
    results["ties"] = truncated(np.array([[1.0, 2.0, 1.0, 1.0, 0.0]], "float32"), top_k=3)
    paths = ops.convert_to_tensor(label_paths.spoilt()), label_paths.LENGTHS
    results["ctc greedy"] = ctc.greedy(*paths)
    results["ctc beams"] = ctc.prefix_beam_search(*paths, beams=5, n_best=3)
    results["ctc fused"] = ctc.prefix_beam_search(
        *paths, 5, 3, label_paths.language_model, weight=0.5
    )
    results["ctc alignment"] = ctc.alignment(paths[0][0], label_paths.TARGETS[0])
    for reverse in (False, True):
        results[f"sums {reverse}"] = _sums(reverse)
    return {
        f"{name} {i}": ops.convert_to_numpy(array)
        for name, result in results.items()
        for i, array in enumerate(keras.tree.flatten(result))
    }


def _sums(reverse):
    """Running sums over time, until one is 5."""

    def step(carry, slices):
        total = carry[0] + slices[0]
        return (total,), (total, slices[0] > 2)

    x = ops.convert_to_tensor([[3.0], [2.0], [2.0], [3.0], [4.0]])
    return scan(step, (x[0] * 0,), (x,), reverse, until=lambda carry: ops.max(carry[0]) >= 5)


def _counter(calls):
    """A function that is called by each step that is executed, whatever is traced."""
    if keras.backend.backend() == "jax":
        import jax

        return lambda: jax.debug.callback(lambda: calls.append(1), ordered=True)
    return lambda: calls.append(1)


if __name__ == "__main__":
    np.savez(sys.argv[1], **numbers())
