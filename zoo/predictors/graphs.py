"""Predictors between TensorFlow, which handles strings and graphs, and the backend of Keras."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo.cells.typing import Tensor
from zoo.layers import engines


def graph(method: Callable[..., Any], *signature: Any) -> Callable[..., Any]:
    """A method as a graph for tensors of any size, where the backend is TensorFlow.

    With a signature, nests of `tf.TensorSpec`, one graph is made for all sizes at once. Without it
    further ones are made until the sizes that vary are known.
    """
    if keras.backend.backend() != "tensorflow":
        return method

    # A function of its own for each model: else TensorFlow warns of frequent tracing, which it
    # counts by functions, where a process has used a few models. And for each engine, since a graph
    # keeps the one that it was traced with, and exports want none but the loop.
    @functools.cache
    def function_for(engine: str) -> Callable[..., Any]:
        of_this_model = functools.partial(method)
        if signature:
            return tf.function(of_this_model, input_signature=signature, autograph=False)
        return tf.function(of_this_model, autograph=False, reduce_retracing=True)

    return lambda *arguments, **options: function_for(engines.in_use())(*arguments, **options)


def for_keras(tensor: tf.Tensor) -> Tensor:
    """A tensor of TensorFlow as one of the backend."""
    if keras.backend.backend() == "tensorflow":
        return tensor
    return ops.convert_to_tensor(tensor.numpy())


def for_tensorflow(tensor: Tensor) -> tf.Tensor:
    """A tensor of the backend as one of TensorFlow."""
    return tensor if tf.is_tensor(tensor) else tf.constant(ops.convert_to_numpy(tensor))


def with_a_step(ids: tf.Tensor) -> tf.Tensor:
    """Ids (batch, timesteps, ...) with one step of padding if there is none: a network needs it."""
    missing = tf.cast(tf.shape(ids)[1] == 0, tf.int32)
    return tf.pad(ids, [[0, 0], [0, missing], *([[0, 0]] * (ids.shape.rank - 2))])


def padded(array: np.ndarray, length: int, value: float = 0) -> np.ndarray:
    """An array (steps, ...) with `value` after it, up to a length."""
    missing = [(0, length - len(array)), *[(0, 0)] * (array.ndim - 1)]
    return np.pad(array, missing, constant_values=value)


def padded_rows(flat: Any, lengths: Sequence[int]) -> np.ndarray:
    """Numbers of all rows, one after another, as int32 (rows, the longest, or 1), padded with 0."""
    of_rows = np.asarray(lengths, int)
    counted = np.arange(of_rows.max(initial=1)) < of_rows[:, None]
    rows = np.zeros(counted.shape, "int32")
    rows[counted] = flat
    return rows
