"""Predictors between TensorFlow, which handles strings and graphs, and the backend of Keras."""

import functools

import keras
import tensorflow as tf
from keras import ops


def graph(method, *signature):
    """A method as a graph for tensors of any size, where the backend is TensorFlow.

    Args:
        method: takes nests of tensors.
        *signature: nests of `tf.TensorSpec`, one for each argument; then one graph is made for all
            sizes at once. Without it further ones are made until the sizes that vary are known.
    """
    if keras.backend.backend() != "tensorflow":
        return method
    # A function of its own for each model: else TensorFlow warns of frequent tracing, which it
    # counts by functions, where a process has used a few models.
    of_this_model = functools.partial(method)
    if signature:
        return tf.function(of_this_model, input_signature=signature, autograph=False)
    return tf.function(of_this_model, autograph=False, reduce_retracing=True)


def for_keras(tensor):
    """A tensor of TensorFlow as one of the backend."""
    if keras.backend.backend() == "tensorflow":
        return tensor
    return ops.convert_to_tensor(tensor.numpy())
