"""Outputs and gradients of every cell on the backend in use: python backend_numbers.py FILE.npz."""

import sys

import keras
import numpy as np

from support.sequences import MASK, VARIANTS, build_cell, sample
from zoo.layers import Recurrence

# Before the first step that counts keras.layers.RNN shows 0 on TensorFlow and the initial state
# elsewhere, so its masks let the first step count.
FIRST_STEP_COUNTS = MASK | (np.arange(MASK.shape[1]) == 0)
RUNS = [
    *((variant, keras.layers.RNN, FIRST_STEP_COUNTS) for variant in VARIANTS),
    *((variant, Recurrence, MASK) for variant in VARIANTS),
    ("lstm", Recurrence, None),
]


def numbers():
    """{run: outputs, and gradients of inputs, initial states and weights}."""
    results = {}
    for run, (variant, layer_class, mask) in enumerate(RUNS):
        cell = build_cell(variant)
        x, states = sample(cell, dtype="float32")
        layer = layer_class(cell, return_sequences=True, return_state=True)
        layer.build(x.shape)
        differentiate = _DIFFERENTIATE[keras.backend.backend()]
        outputs, gradients = differentiate(_loss(layer, mask), layer, [x, *states])
        for i, value in enumerate([*outputs, *gradients]):
            name = f"{run} {layer_class.__name__} of {variant} {i}"
            results[name] = keras.ops.convert_to_numpy(value)
    return results


def _loss(layer, mask):
    """loss(call, x, *states): a weighted sum of outputs, and the outputs."""

    def loss(call, x, *states):
        outputs = call(x, initial_state=list(states), mask=mask, training=True)
        generator = np.random.default_rng(11)
        weights = [generator.normal(size=y.shape).astype("float32") for y in outputs]
        terms = (
            keras.ops.sum(keras.ops.multiply(y, w)) for y, w in zip(outputs, weights, strict=True)
        )
        return sum(terms), outputs

    return loss


def _tensorflow(loss, layer, arguments):
    import tensorflow as tf

    arguments = [tf.constant(a) for a in arguments]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        value, outputs = loss(layer, *arguments)
    return outputs, tape.gradient(value, [*arguments, *[w.value for w in layer.trainable_weights]])


def _jax(loss, layer, arguments):
    import jax

    fixed = [v.value for v in layer.non_trainable_variables]

    def of(arguments, weights):
        def call(*args, **kwargs):
            return layer.stateless_call(weights, fixed, *args, **kwargs)[0]

        return loss(call, *arguments)

    weights = [w.value for w in layer.trainable_variables]
    arguments = [jax.numpy.asarray(a) for a in arguments]
    (d_arguments, d_weights), outputs = jax.jit(jax.grad(of, argnums=(0, 1), has_aux=True))(
        arguments, weights
    )
    return outputs, [*d_arguments, *d_weights]


def _torch(loss, layer, arguments):
    import torch

    arguments = [torch.tensor(a, requires_grad=True) for a in arguments]
    value, outputs = loss(layer, *arguments)
    weights = [w.value for w in layer.trainable_variables]
    return [y.detach() for y in outputs], torch.autograd.grad(value, [*arguments, *weights])


_DIFFERENTIATE = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}


if __name__ == "__main__":
    np.savez(sys.argv[1], **numbers())
