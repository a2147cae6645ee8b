"""Outputs and gradients of a layer on TensorFlow."""

import numpy as np
import tensorflow as tf


def differentiate(layer, x, states=None, mask=None, cotangents=None, training=True):
    """What a layer returns, and what flows back through it. Tensors in, tensors out.

    Args:
        layer: a layer that takes sequences.
        x: (batch, timesteps, input_dim).
        states: initial states, or None for its own.
        mask: (batch, timesteps), or None.
        cotangents: the gradient of a loss with respect to each output, of the output's shape; by
            default `random_like`.
        training: whether the layer runs in training.

    Returns:
        The list of outputs, and the list of gradients of [x, *states, *weights].
    """
    arguments = [x, *(states or [])]
    options = {} if mask is None else {"mask": mask}
    if states is not None:
        options["initial_state"] = states
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        outputs = layer(x, training=training, **options)
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    if cotangents is None:
        cotangents = [tf.cast(c, outputs[0].dtype) for c in random_like(outputs)]
    weights = [variable.value for variable in layer.trainable_variables]
    return outputs, tape.gradient(outputs, [*arguments, *weights], output_gradients=cotangents)


def random_like(outputs):
    """Random arrays of the shapes of outputs."""
    generator = np.random.default_rng(11)
    return [generator.normal(size=output.shape) for output in outputs]


def outputs_and_gradients(layer, x, states=None, mask=None, training=True):
    """`differentiate` from arrays to arrays, run eagerly."""
    x, *states_ = (tf.convert_to_tensor(array) for array in (x, *(states or [])))
    outputs, gradients = differentiate(
        layer, x, states_ or None, None if mask is None else tf.constant(mask), training=training
    )
    return _arrays(outputs), _arrays(gradients)


def _arrays(tensors):
    return [np.array(tf.convert_to_tensor(tensor)) for tensor in tensors]
