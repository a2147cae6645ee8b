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
    strength: float = 1.0,
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
        strength: by which all four are multiplied.

    Returns:
        (batch, time, height, width, channels) of the same type.
    """
    frames = tf.convert_to_tensor(frames)
    batch = tf.shape(frames)[0]
    place_seed, time_seed = tf.unstack(tf.random.split(seed, 2, alg="philox"))
    draws = strength * tf.random.stateless_normal((5, batch), place_seed, alg="philox")
    stretches = tf.maximum(1 + scale * draws[1:3], 0.1)
    placed = transformed(frames, turn * draws[0], stretches, shift * draws[3:5])
    powers = _powers(batch, time_seed, strength * tempo)
    shown, _ = _moments(lengths, powers, tf.shape(frames)[1])
    return tf.gather(placed, shown, batch_dims=1)


def moved_path(
    paths: Any,
    lengths: Any,
    seed: Any,
    *,
    turn: float = 0.12,
    scale: float = 0.1,
    shift: float = 0.2,
    tempo: float = 0.25,
    strength: float = 1.0,
) -> tf.Tensor:
    """Paths of points as `moved` has clips; a moment between two of them is on their line.

    Args:
        paths: (batch, time, coordinates) float32; those of two coordinates are turned.
        lengths: (batch,) int32, the points of each path that count; those after them stay.
        seed: (2,) integers. The same seed moves the same, in any process.
        turn: standard deviation of the angle, in radians.
        scale: that of the stretch of each coordinate, as a part of it.
        shift: that of the shift of each coordinate, as a part of its standard deviation in time.
        tempo: that of the logarithm of the exponent.
        strength: by which all four are multiplied.

    Returns:
        (batch, time, coordinates) float32.
    """
    paths = tf.convert_to_tensor(paths, tf.float32)
    batch, time, size = tf.shape(paths)[0], tf.shape(paths)[1], paths.shape[-1]
    place_seed, time_seed = tf.unstack(tf.random.split(seed, 2, alg="philox"))
    draws = strength * tf.random.stateless_normal((3, batch, 1, size), place_seed, alg="philox")
    counted = tf.sequence_mask(lengths, time, tf.float32)[..., None]
    number = tf.maximum(tf.reduce_sum(counted, axis=1, keepdims=True), 1)
    middle = tf.reduce_sum(paths * counted, axis=1, keepdims=True) / number
    around = (paths - middle) * counted
    spread = tf.sqrt(tf.reduce_sum(around**2, axis=1, keepdims=True) / number)
    if size == 2:
        sine, cosine = tf.sin(turn * draws[0, ..., :1]), tf.cos(turn * draws[0, ..., :1])
        x, y = around[..., :1], around[..., 1:]
        around = tf.concat([cosine * x - sine * y, sine * x + cosine * y], axis=-1)
    placed = middle + shift * draws[2] * spread + (1 + scale * draws[1]) * around
    _, moments = _moments(lengths, _powers(batch, time_seed, strength * tempo), time)
    before = tf.cast(tf.floor(moments), tf.int32)
    after = tf.minimum(before + 1, time - 1)
    part = (moments - tf.cast(before, tf.float32))[..., None]
    earlier, later = (tf.gather(placed, at, batch_dims=1) for at in (before, after))
    return tf.where(counted > 0, (1 - part) * earlier + part * later, paths)


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


def _powers(batch: Any, seed: Any, deviation: float) -> tf.Tensor:
    return tf.exp(deviation * tf.random.stateless_normal((batch,), seed, alg="philox"))


def _moments(lengths: Any, powers: tf.Tensor, steps: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """The frame to show at each step, (batch, steps) int32, and the moment that it is nearest to.

    Moments are float32 from 0 to the last frame. Steps behind it show themselves.
    """
    places = tf.range(steps)[None]
    last = tf.cast(lengths, tf.int32)[:, None] - 1
    length = tf.cast(tf.maximum(last, 1), tf.float32)
    parts = tf.minimum(tf.cast(places, tf.float32) / length, 1.0)
    moments = tf.minimum(
        parts ** powers[:, None] * length, tf.cast(tf.maximum(last, 0), tf.float32)
    )
    there = tf.cast(tf.broadcast_to(places, tf.shape(moments)), tf.float32)
    moments = tf.where(places <= last, moments, there)
    return tf.cast(tf.round(moments), tf.int32), moments
