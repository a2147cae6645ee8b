"""What a CRF gives on the backend in use, gradients included: python crf_numbers.py FILE.npz."""

import sys

import keras
import numpy as np

from support import chains
from zoo.layers.crf import marginals, viterbi
from zoo.training import ChainCrossentropy


def numbers():
    """{name: array}: of a batch with a mask, by a layer that allows everything and one that not."""
    results = {}
    for name, allowed in (("all", None), ("allowed", chains.ALLOWED)):
        crf = chains.build_crf(allowed, "float32")
        differentiate = _DIFFERENTIATE[keras.backend.backend()]
        value, gradients = differentiate(crf, chains.logits().astype("float32"))
        psi = crf(keras.ops.convert_to_tensor(chains.logits(), "float32"), mask=chains.MASK)
        inferred = [marginals(psi), marginals(psi, chains.MASK), *viterbi(psi, chains.MASK)]
        for i, array in enumerate([value, *gradients, psi, *inferred]):
            results[f"{name} {i}"] = keras.ops.convert_to_numpy(array)
    return results


def _loss(potentials):
    # Each step with a weight of its own, so that no two gradients cancel.
    steps = np.linspace(1, 2, chains.MASK.size).reshape(chains.MASK.shape)
    return ChainCrossentropy()(chains.targets(), potentials, chains.MASK * steps)


def _tensorflow(crf, x):
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = _loss(crf(x, mask=chains.MASK))
    return value, tape.gradient(value, [x, *(w.value for w in crf.trainable_variables)])


def _jax(crf, x):
    import jax

    def of(x, weights):
        return _loss(crf.stateless_call(weights, [], x, mask=chains.MASK)[0])

    value, gradients = jax.jit(jax.value_and_grad(of, argnums=(0, 1)))(
        jax.numpy.asarray(x), [w.value for w in crf.trainable_variables]
    )
    return value, [gradients[0], *gradients[1]]


def _torch(crf, x):
    import torch

    x = torch.tensor(x, requires_grad=True)
    value = _loss(crf(x, mask=torch.tensor(chains.MASK)))
    weights = [w.value for w in crf.trainable_variables]
    return value.detach(), torch.autograd.grad(value, [x, *weights])


_DIFFERENTIATE = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}


if __name__ == "__main__":
    np.savez(sys.argv[1], **numbers())
