"""Outputs and gradients of a layer on TensorFlow."""

import numpy as np
import tensorflow as tf


def differentiate(layer, x, states=None, mask=None, training=True):
    """What a layer returns, and what flows back through it. Tensors in, tensors out.

    Args:
        layer: a layer that takes sequences.
        x: (batch, timesteps, input_dim).
        states: initial states, or None for its own.
        mask: (batch, timesteps), or None.
        training: whether the layer runs in training.

    Returns:
        The list of outputs, and the list of gradients of [x, *states, *weights], of the sum of the
        outputs with random weights.
    """
    arguments = [x, *(states or [])]
    options = {} if mask is None else {"mask": mask}
    if states is not None:
        options["initial_state"] = states
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        outputs = tf.nest.flatten(layer(x, training=training, **options))
    generator = np.random.default_rng(11)
    cotangents = [tf.constant(generator.normal(size=y.shape), y.dtype) for y in outputs]
    weights = [variable.value for variable in layer.trainable_variables]
    return outputs, tape.gradient(outputs, [*arguments, *weights], output_gradients=cotangents)


def outputs_and_gradients(layer, x, states=None, mask=None, training=True):
    """`differentiate` from arrays to arrays, run eagerly."""
    x, states, mask = tf.nest.map_structure(
        lambda array: None if array is None else tf.constant(array), (x, states, mask)
    )
    found = differentiate(layer, x, states, mask, training)
    return [[np.array(tf.convert_to_tensor(tensor)) for tensor in tensors] for tensors in found]
