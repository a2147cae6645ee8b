"""Recordings and features as they might have been, for training."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.audio.features import Features, cosines, mel_centres

_WARPS = 31  # warps to choose from
_SLOWEST = 8  # times as many frames at most


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


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Other speakers, rooms and tempos, from the features of recordings.

    `distorted` comes before the normalisation of an utterance, `blurred` after it. All sizes may be
    0, which leaves out what they are of.

    Args:
        speed: natural logarithm of the largest factor of the tempo; the pitch stays.
        warp: largest relative change of the frequencies, as of a longer or shorter vocal tract
            (Jaitly & Hinton 2013, "Vocal tract length perturbation improves speech recognition").
        scale: standard deviation of the logarithm of a gain, one for each feature of an utterance.
        noise: standard deviation of normal noise, one number for each feature of a frame.
        mask: frames and features of the longest mask of `masked`, two of time and one of features.
    """

    speed: float = 0.2
    warp: float = 0.15
    scale: float = 0.2
    noise: float = 0.3
    mask: tuple[int, int] = (4, 0)

    def distorted(
        self, features: Any, lengths: Any, seed: Any, settings: Features
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The features in another tempo and of other frequencies, and their new lengths.

        Args:
            features: (batch, frames, size) float32, not normalised.
            lengths: (batch,) int32.
            seed: (2,) integers.
            settings: how the features were computed.
        """
        speed_seed, warp_seed = tf.unstack(tf.random.split(seed, 2, alg="philox"))
        rows = tf.shape(features)[0]
        if self.speed:
            exponents = tf.random.stateless_uniform((rows,), speed_seed, -1, 1, alg="philox")
            features, lengths = stretched(features, lengths, tf.exp(self.speed * exponents))
        if self.warp:
            matrices = frequency_warps(settings, np.linspace(1 - self.warp, 1 + self.warp, _WARPS))
            chosen = tf.random.stateless_uniform(
                (rows,), warp_seed, 0, _WARPS, tf.int32, alg="philox"
            )
            features = tf.matmul(features, tf.gather(matrices, chosen))
        return features, lengths

    def blurred(self, features: Any, lengths: Any, seed: Any) -> tf.Tensor:
        """Normalised features, (batch, frames, size), with other gains, noise and masks."""
        scale_seed, noise_seed, mask_seed = tf.unstack(tf.random.split(seed, 3, alg="philox"))
        rows, frames, size = tf.unstack(tf.shape(features))
        gains = tf.random.stateless_normal((rows, 1, size), scale_seed, alg="philox")
        noise = tf.random.stateless_normal((rows, frames, size), noise_seed, alg="philox")
        features = features * tf.exp(self.scale * gains) + self.noise * noise
        longest, widest = self.mask
        features = masked(
            features, lengths, mask_seed, longest=longest, most=1.0, feature_masks=1, widest=widest
        )
        counts = tf.sequence_mask(lengths, frames)[..., None]
        return tf.where(counts, features, 0)


def stretched(features: Any, lengths: Any, factors: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Features in another tempo, interpolated linearly between frames.

    Args:
        features: (batch, frames, size) float32.
        lengths: (batch,) int32, the frames of each row that count.
        factors: (batch,) float32 above 0; of 2, a row has half as many frames, but one at least.

    Returns:
        (batch, new frames, size), 0 behind the end of a row, and the new lengths, (batch,) int32.
    """
    features, lengths = tf.convert_to_tensor(features), tf.cast(lengths, tf.int32)
    before = tf.cast(lengths, tf.float32)
    after = tf.minimum(tf.maximum(tf.round(before / factors), 1), before * _SLOWEST)
    steps = tf.range(tf.reduce_max(after))
    places = (steps + 0.5) * (before / tf.maximum(after, 1))[:, None] - 0.5  # (batch, new frames)
    places = tf.clip_by_value(places, 0, tf.maximum(before - 1, 0)[:, None])
    low = tf.cast(places, tf.int32)
    high = tf.minimum(low + 1, tf.maximum(lengths - 1, 0)[:, None])
    part = (places - tf.cast(low, tf.float32))[..., None]
    one, other = (tf.gather(features, at, batch_dims=1) for at in (low, high))
    counts = (steps < after[:, None])[..., None]
    return tf.where(counts, one * (1 - part) + other * part, 0), tf.cast(after, tf.int32)


def frequency_warps(settings: Features, factors: Any) -> np.ndarray:
    """Matrices that move the frequencies of features: `features @ matrix`.

    What was at a f is then at f, up to 3/8 of the rate; from there on straight to half of it. Of
    cepstral coefficients, it is the warp of the smooth spectrum that they describe.

    Args:
        settings: how the features were computed.
        factors: (n,) numbers a near 1.

    Returns:
        (n, size, size) float32.
    """
    bands = settings.bands
    top = settings.rate / 2
    centres = mel_centres(bands, settings.rate)
    matrices = np.zeros((len(factors), bands, bands))
    for matrix, factor in zip(matrices, factors, strict=True):
        knee = 0.75 * top * min(factor, 1) / factor
        beyond = top - (top - knee * factor) / (top - knee) * (top - centres)
        sources = np.where(centres <= knee, centres * factor, beyond)
        places = np.interp(sources, centres, np.arange(bands))
        low = np.minimum(places.astype(int), max(bands - 2, 0))
        high, own = np.minimum(low + 1, bands - 1), np.arange(bands)
        matrix[low, own] += 1 - (places - low)
        matrix[high, own] += places - low
    if settings.kind == "mfcc":
        basis = cosines(bands)[:, : settings.coefficients].astype("float64")
        matrices = basis.T @ matrices @ basis
    return matrices.astype("float32")
