"""Methods of predictors as graphs."""

import functools

import keras
import tensorflow as tf


def graph(method):
    """A method as a graph for tensors of any size, where the backend is TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        return method
    # A function of its own for each model: else TensorFlow warns of frequent tracing, which it
    # counts by functions, where a process has used a few models.
    of_this_model = functools.partial(method)
    return tf.function(of_this_model, autograph=False, reduce_retracing=True)
