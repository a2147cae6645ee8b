"""Recordings and features as they might have been, for training."""

from typing import Any

import numpy as np
import tensorflow as tf


def masked(
    features: Any,
    lengths: Any,
    seed: Any,
    *,
    time_masks: int = 2,
    longest: int = 40,
    most: float = 0.2,
    feature_masks: int = 2,
    widest: int = 27,
) -> tf.Tensor:
    """SpecAugment without its warp: stretches of time and bands of features become 0.

    A mask has a uniform length from 0 on and lies anywhere within its row. The default sizes are
    those of Librispeech, for 80 bands and 100 frames a second. Source: Park et al. (2019),
    "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition".

    Args:
        features: (batch, frames, features) float, normalised, so that 0 is the mean.
        lengths: (batch,) int32, the frames of each row that count.
        seed: (2,) integers. The same seed masks the same, in any process.
        time_masks: stretches of time in each row.
        longest: frames of a stretch at most.
        most: of the frames of a row, the part that a stretch may take.
        feature_masks: bands of features in each row.
        widest: features of a band at most, and never more than there are.

    Returns:
        (batch, frames, features).
    """
    features = tf.convert_to_tensor(features)
    batch, frames, size = tf.unstack(tf.shape(features))
    lengths = tf.cast(lengths, tf.int32)
    time_seed, feature_seed = tf.unstack(tf.random.split(seed, 2, alg="philox"))
    part = tf.cast(tf.cast(lengths, tf.float32) * most, tf.int32)
    stretches = _masks(time_seed, time_masks, tf.minimum(part, longest), lengths, frames)
    sizes = tf.fill((batch,), size)
    bands = _masks(feature_seed, feature_masks, tf.minimum(sizes, widest), sizes, size)
    hidden = stretches[:, :, None] | bands[:, None, :]
    return tf.where(hidden, tf.zeros((), features.dtype), features)


def _masks(seed: Any, masks: int, longest: Any, lengths: Any, steps: Any) -> tf.Tensor:
    """Whether a step lies in one of the masks of its row: (batch, steps) boolean."""
    shape = (2, tf.shape(lengths)[0], masks)
    draws = tf.random.stateless_uniform(shape, seed, alg="philox")
    widths = _up_to(longest[:, None], draws[0])
    starts = _up_to(lengths[:, None] - widths, draws[1])
    places = tf.range(steps)[None, None]
    within = (places >= starts[..., None]) & (places < (starts + widths)[..., None])
    return tf.reduce_any(within, axis=1)


def _up_to(highest: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Integers from 0 to `highest`, both included, by numbers from [0, 1)."""
    numbers = tf.cast(draws * tf.cast(highest + 1, tf.float32), tf.int32)
    return tf.minimum(numbers, highest)


def speed(waveform: np.ndarray, factor: float) -> np.ndarray:
    """A recording played so many times as fast: shorter and higher, or longer and lower.

    The spectrum is cut or continued with zeros, so no frequency is mirrored; the recording counts
    as periodic. Source of the method: Ko et al. (2015), "Audio Augmentation for Speech
    Recognition", with factors of 0.9, 1 and 1.1.

    Args:
        waveform: (samples,) float.
        factor: above 0.

    Returns:
        (round(samples / factor),) of the same type.

    Raises:
        ValueError: if the factor is not above 0, or the waveform has more than one axis.
    """
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or not 0 < factor < np.inf:
        raise ValueError("`waveform` must be (samples,) and `factor` above 0.")
    samples = round(len(waveform) / factor)
    if not samples or not len(waveform):
        return waveform[:0]
    spectrum = np.fft.rfft(waveform)[: samples // 2 + 1]
    played = np.fft.irfft(spectrum, samples) * (samples / len(waveform))
    return played.astype(waveform.dtype)
