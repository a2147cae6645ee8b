"""Recordings to waveforms and back."""

import io
import os
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zoo.audio.containers import library, opened
from zoo.errors import UserError
from zoo.music.files import reading, writing

RATE = 8_000  # samples a second, as telephones have it
LONGEST = 3_600  # seconds

# Raw frames, whose length is estimated from the first of them.
_WITHOUT_LENGTH = ("mp3", "aac")
_LOST = 0.05, 0.1  # of what a file says to last, and seconds: what encoders cut at its ends
_RIFF_OF_STREAM = 2**31 - 2**16  # from here on the size is one that a stream had to make up
SCALE = 2**15  # of samples of 16 bits


def read(path: str | Path, rate: int = RATE) -> np.ndarray:
    """Reads a recording of any format, rate and number of channels that PyAV reads.

    A video is read for its sound. The channels are averaged, then values beyond -1 and 1 are cut.

    Args:
        path: the file.
        rate: samples a second of the waveform. The library resamples, if it has to.

    Returns:
        (samples,) float32 from -1 to 1; 16 bits at this rate are the integers by 32,768, exactly.

    Raises:
        UserError: the file is missing, empty or damaged, without sound or samples, or lasts longer
            than an hour (`LONGEST`), which is found before all of it is decoded. A WAV that is cut
            off is damaged. MP3, AAC, Ogg and WebM may be cut off, as streams of them are.
        MissingPackageError: PyAV is not installed.
        ValueError: the rate is not positive.
    """
    with reading(path) as file:
        return _waveform(file, str(path), rate)


def decode(content: bytes, name: str, rate: int = RATE, longest: float | None = None) -> np.ndarray:
    """Reads the content of a file: see `read`.

    `name` is that of the file, for errors; `longest` are the most seconds that it may last, by
    default `LONGEST`.
    """
    if not content:
        raise UserError(f"{name}: the file is empty")
    return _waveform(io.BytesIO(content), name, rate, longest)


def write(waveform: np.ndarray, path: str | Path, rate: int = RATE) -> None:
    """Writes (samples,) from -1 to 1 as WAV: 16 bits, one channel, `rate` samples a second.

    Values beyond are cut. What was read from 16 bits at this rate is written as it was.

    Raises:
        UserError: the file cannot be written.
        ValueError: the waveform has more than one axis, or a value that is no number.
    """
    waveform = np.asarray(waveform, "float64")
    if waveform.ndim != 1 or not np.isfinite(waveform).all():
        raise ValueError("`waveform` must be (samples,), of finite numbers.")
    samples = np.clip(np.round(waveform * SCALE), -SCALE, SCALE - 1).astype("<i2")
    with writing(path) as opened, wave.open(opened, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(samples.itemsize)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def _waveform(file: BinaryIO, name: str, rate: int, longest: float | None = None) -> np.ndarray:
    longest = LONGEST if longest is None else longest
    if rate <= 0:
        raise ValueError(f"`rate` must be positive. Received: {rate!r}")
    _check_whole(file, name)
    pieces, samples = [np.zeros(0, "float32")], 0
    with opened(file, name, "audio") as (container, stream):
        seconds = 0.0
        if stream.duration and container.format.name not in _WITHOUT_LENGTH:
            seconds = float(stream.duration * stream.time_base)
        for piece in _resampled(container, stream, rate) if seconds <= longest else ():
            pieces.append(piece)
            samples += len(piece)
            if samples > longest * rate:
                break
    if max(seconds, samples / rate) > longest:
        raise UserError(f"{name}: lasts longer than {longest:,} seconds: cut it into parts")
    part, least = _LOST
    if samples / rate < seconds * (1 - part) - least:
        ends = f"it ends after {samples / rate:.1f} of {seconds:.1f} seconds"
        raise UserError(f"{name}: the recording is damaged ({ends}): fetch it again")
    waveform = np.concatenate(pieces)
    if not len(waveform):
        raise UserError(f"{name}: the recording holds no samples: record it again")
    if not np.isfinite(waveform).all():
        raise UserError(f"{name}: the recording is damaged (not a number): fetch it again")
    return np.clip(waveform, -1, 1)


def _check_whole(file: BinaryIO, name: str) -> None:
    """UserError if a WAV says to be longer than it is; the library reads as much as there is."""
    head, there = file.read(12), file.seek(0, os.SEEK_END)
    file.seek(0)
    size = int.from_bytes(head[4:8], "little")
    # Some programs count the eight bytes that the size leaves out.
    if head[:4] == b"RIFF" and head[8:] == b"WAVE" and there < size < _RIFF_OF_STREAM:
        ends = f"it ends after {there:,} of {size + 8:,} bytes"
        raise UserError(f"{name}: the recording is damaged ({ends}): fetch it again")


def _resampled(container: Any, stream: Any, rate: int) -> Iterator[np.ndarray]:
    """The pieces of a stream, (samples,) each."""
    import av

    # The library would add channels to more than their mean, and so beyond 1: it is taken here.
    resampler = av.AudioResampler(format="fltp", rate=rate)
    for frame in container.decode(stream):
        for resampled in resampler.resample(frame):
            yield resampled.to_ndarray().mean(axis=0)
    for resampled in resampler.resample(None):
        yield resampled.to_ndarray().mean(axis=0)


def resampled(waveform: np.ndarray, from_rate: int, rate: int) -> np.ndarray:
    """A waveform, (samples,) float32, of one rate at another; MissingPackageError without PyAV."""
    if from_rate == rate or not len(waveform):
        return waveform
    av = library("audio")
    frame = av.AudioFrame.from_ndarray(waveform[None], format="fltp", layout="mono")
    frame.sample_rate = from_rate
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([one.to_ndarray()[0] for one in frames])
