"""Clips as they might have been, for training."""

from typing import Any

import tensorflow as tf


def moved(
    frames: Any,
    lengths: Any,
    seed: Any,
    *,
    turn: float = 0.12,
    scale: float = 0.1,
    shift: float = 0.06,
    tempo: float = 0.25,
) -> tf.Tensor:
    """Clips seen by a camera that stood elsewhere, of a motion that begins slower or faster.

    Each clip is turned, stretched and shifted as a whole, by normally distributed amounts; what
    comes into view is black. Then a step at the part u of its length shows the frame nearest to the
    part u ** exp(tempo * z), where z is normal too.

    Args:
        frames: (batch, time, height, width, channels) uint8 or float.
        lengths: (batch,) int32, the frames of each clip that count; those after them stay.
        seed: (2,) integers. The same seed moves the same, in any process.
        turn: standard deviation of the angle, in radians.
        scale: that of height and width, each for itself, as a part of them.
        shift: that of the shift down and to the right, as a part of height and width.
        tempo: that of the logarithm of the exponent.

    Returns:
        (batch, time, height, width, channels) of the same type.
    """
    frames = tf.convert_to_tensor(frames)
    batch = tf.shape(frames)[0]
    place_seed, time_seed = tf.unstack(tf.random.split(seed, 2, alg="philox"))
    draws = tf.random.stateless_normal((5, batch), place_seed, alg="philox")
    stretches = tf.maximum(1 + scale * draws[1:3], 0.1)
    placed = transformed(frames, turn * draws[0], stretches, shift * draws[3:5])
    powers = tf.exp(tempo * tf.random.stateless_normal((batch,), time_seed, alg="philox"))
    return tf.gather(placed, _moments(lengths, powers, tf.shape(frames)[1]), batch_dims=1)


def transformed(frames: Any, angles: Any, scales: Any, shifts: Any) -> tf.Tensor:
    """Clips turned and stretched about their middle, then shifted; what comes into view is black.

    Args:
        frames: (batch, time, height, width, channels) uint8 or float.
        angles: (batch,) float, radians, clockwise.
        scales: (2, batch) float, of height and width.
        shifts: (2, batch) float, down and to the right, as parts of height and width.

    Returns:
        (batch, time, height, width, channels) of the same type.
    """
    frames = tf.convert_to_tensor(frames)
    batch, time, height, width, channels = tf.unstack(tf.shape(frames))
    edges = tf.cast(tf.stack([height, width]), tf.float32) - 1
    middle_y, middle_x = tf.unstack(edges / 2)
    to_y, to_x = tf.unstack(edges[:, None] / 2 + edges[:, None] * shifts)
    sine, cosine = tf.sin(angles), tf.cos(angles)
    # The operation asks where each pixel comes from: x = a x' + b y' + c, y = d x' + e y' + f.
    a, b = cosine / scales[1], sine / scales[1]
    d, e = -sine / scales[0], cosine / scales[0]
    c, f = middle_x - a * to_x - b * to_y, middle_y - d * to_x - e * to_y
    zeros = tf.zeros_like(a)
    images = tf.transpose(frames, (0, 2, 3, 1, 4))  # (batch, height, width, time, channels)
    moved_images = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.reshape(images, (batch, height, width, time * channels)),
        transforms=tf.stack([a, b, c, d, e, f, zeros, zeros], axis=1),
        output_shape=tf.stack([height, width]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    moved_images = tf.reshape(moved_images, tf.shape(images))
    return tf.ensure_shape(tf.transpose(moved_images, (0, 3, 1, 2, 4)), frames.shape)


def _moments(lengths: Any, powers: tf.Tensor, steps: Any) -> tf.Tensor:
    """The frame to show at each step: (batch, steps) int32."""
    places = tf.range(steps)[None]
    last = tf.cast(lengths, tf.int32)[:, None] - 1
    length = tf.cast(tf.maximum(last, 1), tf.float32)
    moments = tf.minimum(tf.cast(places, tf.float32) / length, 1.0)
    shown = tf.cast(tf.round(moments ** powers[:, None] * length), tf.int32)
    return tf.where(places <= last, tf.minimum(shown, tf.maximum(last, 0)), places)
