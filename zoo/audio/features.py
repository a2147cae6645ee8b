"""Waveforms to spectral features, by a graph of stock TensorFlow operations."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.errors import UserError

KINDS = ("mfcc", "log_mel")
DFTS = ("fft", "matrix")

UNBOUNDED = 250.0  # dB, above which no range of decibels cuts anything
_LEAST_POWER = 1e-10  # which is -100 dB
_LEAST_DEVIATION = 0.01  # dB; what is below is the rounding of float32


@dataclasses.dataclass(frozen=True)
class Features:
    r"""Mel-frequency cepstral coefficients, or the mel spectrum in decibels, of recordings.

    The defaults are those of `torchaudio.transforms.MFCC` at 8 kHz. A frame is `window` samples
    around every multiple of `hop`; where these reach beyond the ends of a recording, it is
    reflected there. With the periodic Hann window $w$, the frame $x$, HTK's mel bands $B$
    from 0 to half the rate, as triangles over the frequency, and an orthonormal DCT:

    $$
    p_k = \Bigl|\sum_n w_n x_n e^{-2 \pi i k n / N}\Bigr|^2, \quad
    d_b = 10 \log_{10} \max\Bigl(\sum_k B_{kb} p_k, 10^{-10}\Bigr), \quad
    c = \mathrm{DCT}_{II}(\max(d, \max d - \text{range}))
    $$

    The maximum is that of the recording. Source: Davis & Mermelstein (1980), "Comparison of
    parametric representations for monosyllabic word recognition in continuously spoken sentences".

    The graph is one of TensorFlow whatever Keras runs on, goes into a SavedModel and can be traced
    with any batch and length.

    Args:
        kind: "mfcc", or "log_mel", which is $\max(d, \max d - \text{range})$.
        rate: samples a second.
        coefficients: the first of the DCT, of "mfcc".
        bands: mel bands.
        window: samples of a frame.
        hop: samples from one frame to the next.
        decibels: the range below the loudest band of a recording; from `UNBOUNDED` on there is
            none, and what comes later changes nothing.
        dft: "fft", or "matrix": a product of matrices, for formats without a Fourier transform.

    Raises:
        ValueError: if `kind` or `dft` is none of these, or a size is not positive.
    """

    kind: str = "mfcc"
    rate: int = 8_000
    coefficients: int = 13
    bands: int = 128
    window: int = 400
    hop: int = 200
    decibels: float = 80.0
    dft: str = "fft"

    def __post_init__(self) -> None:
        for name, known in (("kind", KINDS), ("dft", DFTS)):
            if getattr(self, name) not in known:
                received = f"Received: {getattr(self, name)!r}"
                raise ValueError(f"`{name}` must be one of {', '.join(known)}. {received}")
        for name in ("rate", "coefficients", "bands", "window", "hop", "decibels"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be positive. Received: {getattr(self, name)!r}")
        if self.coefficients > self.bands:
            raise ValueError(f"`coefficients` must be {self.bands} at most, one of each band.")

    @property
    def size(self) -> int:
        """Features of a frame."""
        return self.coefficients if self.kind == "mfcc" else self.bands

    def frames(self, lengths: Any) -> Any:
        r"""The frames of recordings of $n$ samples: $1 + \lfloor n / hop \rfloor$, but 0 of none.

        Args:
            lengths: a tensor of integers, or an array or a number.
        """
        where = tf.where if tf.is_tensor(lengths) else np.where
        return where(lengths > 0, 1 + lengths // self.hop, 0)

    def __call__(self, waveforms: Any, lengths: Any) -> tf.Tensor:
        """The features of a batch of recordings; what lies behind the end of one does not matter.

        Args:
            waveforms: (batch, samples) float32, padded with anything.
            lengths: (batch,) int32, the samples of each row.

        Returns:
            (batch, frames(samples), size) float32; 0 behind the `frames(lengths)` of a row.
        """
        waveforms = tf.convert_to_tensor(waveforms, tf.float32)
        samples = tf.shape(waveforms)[1]
        lengths = tf.clip_by_value(tf.cast(lengths, tf.int32), 0, samples)
        steps = tf.range(self.frames(samples))
        counts = tf.sequence_mask(self.frames(lengths), tf.size(steps))
        counts = tf.expand_dims(counts, -1)  # (batch, frames, 1)
        decibels = self._decibels(self._framed(waveforms, lengths, steps))
        lowest = np.float32(10 * np.log10(_LEAST_POWER))
        # Told so, because there may be no frame at all.
        loudest = tf.reduce_max(tf.where(counts, decibels, lowest), axis=(1, 2), keepdims=True)
        features = tf.maximum(decibels, tf.maximum(loudest, lowest) - self.decibels)
        return tf.where(counts, self._of_decibels(features), 0)

    @property
    def local(self) -> bool:
        """Whether a frame's features depend on its own samples alone, so that audio can stream."""
        return self.decibels >= UNBOUNDED and self.window == 2 * self.hop

    def of_frames(self, frames: Any) -> tf.Tensor:
        """The features of frames that are cut already, if they are `local`.

        Args:
            frames: (batch, frames, window) float32.

        Returns:
            (batch, frames, size).
        """
        return self._of_decibels(self._decibels(frames))

    def _decibels(self, frames: tf.Tensor) -> tf.Tensor:
        """The mel spectra of frames, (batch, frames, bands)."""
        power = self._power(frames)
        mel = tf.maximum(tf.matmul(power, mel_bands(self.bands, self.window, self.rate)), 0)
        return 10 / np.log(10) * tf.math.log(tf.maximum(mel, _LEAST_POWER))

    def _of_decibels(self, decibels: tf.Tensor) -> tf.Tensor:
        if self.kind != "mfcc":
            return decibels
        return tf.matmul(decibels, cosines(self.bands)[:, : self.coefficients])

    def _framed(self, waveforms: tf.Tensor, lengths: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
        """The frames of each row, reflected at the ends of the row: (batch, frames, window)."""
        within = tf.range(self.window) - self.window // 2
        # What lies before the first sample is what lies behind it. Nothing is negative then: ONNX
        # and TensorFlow differ in the remainders of that.
        places = tf.abs(steps[:, None] * self.hop + within)[None]  # (1, frames, window)
        last = tf.maximum(lengths - 1, 0)[:, None, None]
        # Back and forth between the first and the last sample, as often as a short row needs it.
        places = tf.math.floormod(places, tf.maximum(2 * last, 1))
        places = last - tf.abs(places - last)
        waveforms = tf.pad(waveforms, ((0, 0), (0, 1)))  # rows of no samples have one to take
        return tf.gather(waveforms, places, batch_dims=1)

    def _power(self, frames: tf.Tensor) -> tf.Tensor:
        """The power spectra of frames: (batch, frames, window // 2 + 1)."""
        if self.dft == "matrix":
            real, imaginary = fourier(self.window)
            return tf.square(tf.matmul(frames, real)) + tf.square(tf.matmul(frames, imaginary))
        spectra = tf.signal.rfft(frames * hann(self.window))
        return tf.square(tf.math.real(spectra)) + tf.square(tf.math.imag(spectra))

    def get_config(self) -> dict[str, Any]:
        """The arguments, as JSON takes them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Features":
        """The features of `get_config`."""
        return cls(**config)


def normalized(features: Any, lengths: Any) -> tf.Tensor:
    """Each coefficient of an utterance with mean 0 and variance 1 over the frames that count.

    Args:
        features: (batch, frames, features).
        lengths: (batch,) int32, the frames of each row that count.

    Returns:
        (batch, frames, features) float32; 0 behind the length of a row, and where a coefficient
        does not change, as in silence or in one frame.
    """
    features = tf.convert_to_tensor(features, tf.float32)
    lengths = tf.cast(lengths, tf.int32)
    counts = tf.expand_dims(tf.sequence_mask(lengths, tf.shape(features)[1]), -1)
    frames = tf.cast(tf.maximum(lengths, 1), tf.float32)[:, None, None]
    features = tf.where(counts, features, 0)
    centred = features
    for _ in range(2):  # the second time what the mean was rounded by, or silence would be noise
        mean = tf.reduce_sum(centred, axis=1, keepdims=True) / frames
        centred = tf.where(counts, centred - mean, 0)
    variance = tf.reduce_sum(tf.square(centred), axis=1, keepdims=True) / frames
    return centred / tf.maximum(tf.sqrt(variance), _LEAST_DEVIATION)


def hann(window: int) -> np.ndarray:
    """The periodic Hann window, (window,) float32."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype("float32")


@functools.cache
def fourier(window: int) -> tuple[np.ndarray, np.ndarray]:
    """The real and the imaginary part of the DFT of a windowed frame, (window, window // 2 + 1)."""
    # The product modulo the window is exact; that of floats would not be.
    products = np.outer(np.arange(window), np.arange(window // 2 + 1)) % window
    waves = np.exp(-2j * np.pi * products / window) * hann(window)[:, None]
    return waves.real.astype("float32"), waves.imag.astype("float32")


@functools.cache
def mel_bands(bands: int, window: int, rate: int) -> np.ndarray:
    """HTK's mel scale from 0 to half the rate in triangles: (window // 2 + 1, bands) float32.

    The sides of a triangle are straight over the frequency, not over the mel scale. Bands that are
    narrower than the spectrum is fine may hold nothing.
    """
    frequencies = np.linspace(0, rate // 2, window // 2 + 1)[:, None]
    corners = _corners(bands, rate)
    left, peak, right = corners[:-2], corners[1:-1], corners[2:]
    rising = (frequencies - left) / (peak - left)
    falling = (right - frequencies) / (right - peak)
    return np.maximum(0, np.minimum(rising, falling)).astype("float32")


def mel_centres(bands: int, rate: int) -> np.ndarray:
    """The peaks of the triangles of `mel_bands`, in hertz: (bands,)."""
    return _corners(bands, rate)[1:-1]


def _corners(bands: int, rate: int) -> np.ndarray:
    top = 2595 * np.log10(1 + (rate // 2) / 700)
    return 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)


@functools.cache
def cosines(bands: int) -> np.ndarray:
    """The orthonormal DCT-II of bands to coefficients, (bands, bands) float32."""
    band, coefficient = np.arange(bands)[:, None], np.arange(bands)
    matrix = np.cos(np.pi / bands * (band + 0.5) * coefficient) * np.sqrt(2 / bands)
    matrix[:, 0] /= np.sqrt(2)
    return matrix.astype("float32")


@functools.cache
def _graph_of(settings: Features) -> Any:
    """The features of one waveform, (samples,), as a graph."""
    return tf.function(
        lambda waveform: settings(waveform[None], tf.shape(waveform))[0],
        [tf.TensorSpec([None], tf.float32)],
        autograph=False,
    )


@dataclasses.dataclass(frozen=True)
class Normalization:
    """What makes features of different voices, microphones and rooms alike.

    - "utterance": `normalized`, by mean and variance of the whole utterance.
    - "running": by those of the frames up to each frame, and of `weight` frames that are like the
      training data before the first. Nothing waits for what is still to be said.

    Args:
        kind: "utterance" or "running".
        mean, deviation: of each feature in the training data, for "running".
        weight: frames that these count for.

    Raises:
        ValueError: for another kind, or one "running" without mean and deviation.
    """

    kind: str = "utterance"
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    weight: float = 40.0

    def __post_init__(self) -> None:
        if self.kind not in ("utterance", "running"):
            raise ValueError(f"`kind` must be utterance or running. Received: {self.kind!r}")
        if self.kind == "running" and not 0 < len(self.mean) == len(self.deviation):
            raise ValueError("`running` needs `mean` and `deviation`, one for each feature.")

    @classmethod
    def running_from(cls, features: Sequence[np.ndarray]) -> "Normalization":
        """A "running" one of training data, (frames, size) each."""
        every = np.concatenate(features)
        mean, deviation = every.mean(axis=0).tolist(), every.std(axis=0).tolist()
        return cls("running", tuple(mean), tuple(deviation))

    def __call__(self, features: Any, lengths: Any) -> tf.Tensor:
        """The features, (batch, frames, size), normalised; 0 behind the length of a row."""
        if self.kind == "utterance":
            return normalized(features, lengths)
        return self.running(features, lengths, self.start(tf.shape(features)[0]))[0]

    def start(self, rows: Any) -> tf.Tensor:
        """The state before the first frame: (rows, 2 * size + 1) float32 zeros."""
        return tf.zeros((rows, 2 * len(self.mean) + 1))

    def running(self, features: Any, lengths: Any, state: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """A part of an utterance, and the state after it.

        Args:
            features: (batch, frames, size).
            lengths: (batch,) int32, the frames of each row that count.
            state: what `start` or the part before returned: frames, and the sums of what they are
                above the mean of the training data, and of its squares.

        Returns:
            (batch, frames, size) float32, and the new state.
        """
        features = tf.convert_to_tensor(features, tf.float32)
        counts = tf.sequence_mask(tf.cast(lengths, tf.int32), tf.shape(features)[1])[..., None]
        size = len(self.mean)
        above = tf.where(counts, features - tf.constant(self.mean, tf.float32), 0)
        values = tf.concat([tf.cast(counts, tf.float32), above, tf.square(above)], axis=-1)
        sums = tf.cumsum(values, axis=1) + state[:, None]
        frames, total, squares = tf.split(sums, [1, size, size], axis=-1)
        mean = total / (frames + self.weight)
        prior = self.weight * tf.square(tf.constant(self.deviation, tf.float32))
        variance = (squares + prior) / (frames + self.weight) - tf.square(mean)
        deviation = tf.sqrt(tf.maximum(variance, _LEAST_DEVIATION**2))
        found = tf.where(counts, (above - mean) / deviation, 0)
        return found, state + tf.reduce_sum(values, axis=1)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as JSON takes them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Normalization":
        """The normalisation of `get_config`."""
        lists = {name: tuple(config[name]) for name in ("mean", "deviation")}
        return cls(**config | lists)


def features_of(recordings: Sequence[np.ndarray], settings: Features) -> list[np.ndarray]:
    """The features, (frames, size) float32, of each recording by itself.

    Args:
        recordings: waveforms, (samples,) float32 from -1 to 1 or int16, at the rate of `settings`;
            or features, (frames, size), which stay as they are.
        settings: how to compute them.

    Raises:
        UserError: features are of another size than the settings say.
    """
    compute, found = _graph_of(settings), []
    for recording in recordings:
        if recording.ndim == 1:
            scale = 2**15 if recording.dtype == np.int16 else 1
            recording = compute(np.asarray(recording, "float32") / scale).numpy()
        elif recording.shape[1] != settings.size:
            raise UserError(
                f"features of {recording.shape[1]} numbers a frame for a model of {settings.size}: "
                "these data have no sound, so leave the options of the features out"
            )
        found.append(recording)
    return found
