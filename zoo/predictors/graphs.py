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

MANY = 16
"""Rows from which the halves of a batch are worth a loop each."""


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


def in_halves(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of tensors (batch, ...) that works on the two halves of a batch side by side.

    A loop over time is a row of operations too small to be divided among cores, so that two loops
    are faster than one. The results of the halves are joined, all along their first axis.

    Tensors without axes, and what is no tensor, are handed to both. On TensorFlow alone, in a
    graph; where there is a GPU, which has no use for it, the batch stays whole.
    """
    if keras.backend.backend() != "tensorflow":
        return method

    @functools.wraps(method)
    def of_halves(*args: Any, **kwargs: Any) -> Any:
        if engines.has_gpu():
            return method(*args, **kwargs)
        leaves = keras.tree.flatten((args, kwargs))
        of_rows = [leaf for leaf in leaves if tf.is_tensor(leaf) and leaf.shape.rank]
        batch = tf.shape(of_rows[0])[0]
        sizes = [(batch + 1) // 2, batch // 2]
        halves: tuple[list, list] = ([], [])
        for leaf in leaves:
            of_batch = tf.is_tensor(leaf) and leaf.shape.rank
            parts = tf.split(leaf, sizes, num=2) if of_batch else (leaf, leaf)
            for half, part in zip(halves, parts, strict=True):
                half.append(part)
        results = []
        for half in halves:
            own_args, own_kwargs = keras.tree.pack_sequence_as((args, kwargs), half)
            results.append(method(*own_args, **own_kwargs))
        return keras.tree.map_structure(lambda *parts: tf.concat(parts, axis=0), *results)

    return of_halves


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
