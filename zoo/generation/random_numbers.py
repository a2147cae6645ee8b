"""Random numbers that depend on a row's seed and on the step, and on nothing else."""

from typing import Any

import tensorflow as tf

# Steps that one stateless operation draws for. Part of what a seed means: with another number the
# same seed gives other texts.
BLOCK = 64


@tf.function(
    input_signature=(
        tf.TensorSpec((None,), tf.int64),
        tf.TensorSpec((), tf.int64),
        tf.TensorSpec((), tf.int64),
    ),
    autograph=False,
)
def _uniforms(seeds: tf.Tensor, first_step: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    first_block = first_step // BLOCK
    blocks = tf.range(first_block, (first_step + steps - 1) // BLOCK + 1)
    pairs = tf.stack(tf.meshgrid(seeds, blocks, indexing="ij"), axis=-1)  # (batch, blocks, 2)

    def draw(pair: tf.Tensor) -> tf.Tensor:
        # An algorithm by name: the default depends on the device.
        return tf.random.stateless_uniform((BLOCK,), pair, alg="philox")

    # Thousands of tiny operations, which an accelerator would only slow down.
    with tf.device("CPU:0"):
        numbers = tf.map_fn(draw, tf.reshape(pairs, (-1, 2)), fn_output_signature=tf.float32)
    numbers = tf.reshape(numbers, (tf.size(seeds), tf.size(blocks) * BLOCK))
    start = tf.cast(first_step - first_block * BLOCK, tf.int32)
    return numbers[:, start : start + tf.cast(steps, tf.int32)]


def uniforms(seeds: Any, first_step: int | tf.Tensor, steps: int | tf.Tensor) -> tf.Tensor:
    """Random numbers for `generate`, one per row and step, uniform in [0, 1).

    A number is a function of its row's seed and of its step, counted from the beginning of the
    text. So a row draws the same whatever rows are beside it, and a text that is generated piece by
    piece is the one that is generated at once.

    Stock TensorFlow operations, in a graph or not, with the same numbers on every device. Where
    Keras runs on another backend, hand `.numpy()` of the result to it.

    Args:
        seeds: (batch,) integers, int64.
        first_step: the step of the first number, an integer or an integer scalar, from 0.
        steps: how many numbers a row needs, an integer or an integer scalar.

    Returns:
        (batch, steps) float32, multiples of 2^-23.
    """
    result = _uniforms(
        tf.cast(seeds, tf.int64), tf.cast(first_step, tf.int64), tf.cast(steps, tf.int64)
    )
    result.set_shape((None, tf.get_static_value(steps)))
    return result
