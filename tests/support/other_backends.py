"""Numbers of cells, layers and losses on the backend in use: python other_backends.py FILE.npz.

They are compared with those of TensorFlow by `tests/test_backends.py`. Here it is checked that a
training that was broken off can be resumed.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from support import chains, label_paths
from support import tiny_training as tiny
from support.cell_case import check_drawn_zoneout
from support.layer_case import CASES, LayerCase, differentiate, loss_and_outputs, with_states
from support.sequences import MASK, build_cell, sample
from zoo import training
from zoo.layers import Recurrence, engines
from zoo.layers.crf import marginals, viterbi
from zoo.memory import flow

# Before the first step that counts keras.layers.RNN shows 0 on TensorFlow and the initial state
# elsewhere, so its masks let the first step count.
FIRST_STEP_COUNTS = MASK | (np.arange(MASK.shape[1]) == 0)


def of_cell(variant, layer_class, mask):
    def make(dtype):
        return layer_class(build_cell(variant), return_sequences=True, return_state=True)

    x, states = sample(build_cell(variant))
    return LayerCase(make, (x, *states), {"mask": (mask, 0)}, with_states)


def by_keras(layer, *inputs, **masks):
    with engines.use("keras"):
        assert engines.engine_of(layer) == "keras"
        return with_states(layer, *inputs, **masks)


def chain_loss(crf, logits, mask=chains.MASK):
    # Each step with a weight of its own, so that no two gradients cancel.
    steps = np.linspace(1, 2, chains.MASK.size).reshape(chains.MASK.shape)
    weights = keras.ops.cast(mask, "float32") * steps.astype("float32")
    return training.ChainCrossentropy()(chains.targets(), crf(logits, mask=mask), weights)


def cases():
    """{name: a case whose outputs and gradients are compared}."""
    return {
        **CASES,
        **{n: of_cell(n, Recurrence, MASK) for n in ("reset_after_gru", "diagonal_peephole_lstm")},
        "lstm by keras": of_cell("lstm", Recurrence, MASK)._replace(call=by_keras),
        "rnn by keras": of_cell("rnn", Recurrence, MASK)._replace(call=by_keras),
        "zoneout": of_cell("zoneout_lstm", Recurrence, MASK),
        "layer normalization": of_cell("normalized_gru", Recurrence, FIRST_STEP_COUNTS),
        "connectionist": LayerCase(label_paths.Losses, (label_paths.spoilt(),)),
        "gru in RNN": of_cell("gru", keras.layers.RNN, FIRST_STEP_COUNTS),
    }


def numbers():
    """{name: array}."""
    built = {name: (case, case.build()) for name, case in cases().items()}
    case, crf = built["LinearChainCRF"]
    built["chain loss"] = (case._replace(call=chain_loss), crf)
    found = _DIFFERENTIATE[keras.backend.backend()](built)
    case, crf = built["LinearChainCRF with rules"]
    (psi,) = case.outputs(crf)
    found["gradient flow"] = flowing()
    found["inference"] = [marginals(psi), *viterbi(psi, chains.MASK), *losses(), *clipped()]
    return {
        f"{name} {i}": keras.ops.convert_to_numpy(array)
        for name, values in found.items()
        for i, array in enumerate(values)
    }


def flowing():
    cell = build_cell("lstm")
    x, _ = sample(cell, dtype="float32")
    found = flow.gradient_flow(cell, x, keras.ops.sum)
    return [found.gradient, found.product, found.norms]


def losses():
    _, targets, mask = tiny.corpus()
    logits = np.random.default_rng(0).normal(size=(*targets.shape, tiny.CLASSES)).astype("float32")
    for reduction in ("sum_over_time", "mean_per_step"):
        yield training.SequenceCrossentropy(reduction)(targets, logits, mask)
        yield training.BinarySequenceCrossentropy(reduction)(targets % 2, logits[..., :1], mask)


def clipped():
    of_arrays = lambda *arrays: [keras.ops.array(a, "float32") for a in arrays]  # noqa: E731
    for order in (1, 2):
        yield from training.clip_by_global_norm(of_arrays([3, -4], [[12]]), 1.0, order)
    yield from training.clip_by_global_norm(of_arrays(np.zeros(3)), 1.0)
    yield from training.clip_by_global_norm(of_arrays([np.nan], [1]), 1.0)


def _tensorflow(built):
    found = {name: differentiate(*pair, "float32") for name, pair in built.items()}
    return {name: [*outputs, *gradients] for name, (outputs, gradients) in found.items()}


def _jax(built):
    import jax

    def of_case(name, floats, weights, others):
        case, layer = built[name]
        left = iter(floats)
        inputs = [other if other is not None else next(left) for other in others]
        pairs = list(zip(layer.trainable_variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=pairs):
            return loss_and_outputs(case, layer, inputs)

    @jax.jit  # one program, which compiles faster than many
    def everything(arguments):
        found = {}
        for name, (floats, weights, others) in arguments.items():
            differentiate = jax.grad(of_case, argnums=(1, 2), has_aux=True)
            (of_floats, of_weights), outputs = differentiate(name, floats, weights, others)
            found[name] = [*outputs, *of_floats, *of_weights]
        return found

    arguments = {}
    for name, (case, layer) in built.items():
        inputs = case.typed("float32")
        is_float = ["float" in str(x.dtype) for x in inputs]
        arguments[name] = (
            [x for x, f in zip(inputs, is_float, strict=True) if f],
            [w.value for w in layer.trainable_variables],
            [None if f else x for x, f in zip(inputs, is_float, strict=True)],
        )
    return everything(arguments)


def _torch(built):
    import torch

    found = {}
    for name, (case, layer) in built.items():
        inputs = case.typed("float32")
        sources = [x.requires_grad_() for x in inputs if x.is_floating_point()]
        value, outputs = loss_and_outputs(case, layer, inputs)
        sources += [w.value for w in layer.trainable_variables]
        gradients = []
        if sources and value.requires_grad:
            gradients = torch.autograd.grad(
                value, sources, allow_unused=True, materialize_grads=True
            )
        found[name] = [*outputs, *gradients]
    return found


_DIFFERENTIATE = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}


def check_resume(folder):
    """The weights of a run that was broken off are those of one that was not, to the last bit."""

    def train(folder, epochs, **arguments):
        model = tiny.network()
        arguments |= {"seed": 3, "run_folder": folder, "monitor": "loss"}
        training.fit(model, tiny.Batches(), epochs=epochs, **arguments)
        return model.get_weights()

    unbroken = train(folder / "unbroken", 2)
    train(folder / "broken", 1)
    resumed = train(folder / "broken", 2, resume=True)
    for one, other in zip(unbroken, resumed, strict=True):  # the same program on the same inputs
        np.testing.assert_array_equal(one, other)


def check_refused_zoneout():
    """In the loop of Keras on JAX there is no drawing, but one line that says so."""
    cell = build_cell("lstm", zoneout=0.5)
    if keras.backend.backend() == "jax":
        with pytest.raises(ValueError, match="On JAX zoneout cannot be drawn within a loop"):
            keras.layers.RNN(cell)(sample(cell)[0], training=True)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    np.savez(path, **numbers())
    check_resume(path.parent)
    if keras.backend.backend() != "torch":  # whose loop is that of Keras, and draws at each step
        check_drawn_zoneout("lstm")
    check_refused_zoneout()
