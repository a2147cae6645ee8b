"""Video files to frames and back."""

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zoo.audio.containers import library, opened
from zoo.errors import UserError
from zoo.music.files import reading, writing
from zoo.video.suffixes import SUFFIXES as SUFFIXES

MOST_BYTES = 2**30  # of the frames of one clip
MOST_PIXELS = 2**26  # of one frame: 8,192 x 8,192

_PIXELS = {1: "gray", 3: "rgb24"}  # by channels
# Containers whose length is estimated, by size and rate.
_WITHOUT_LENGTH = ("mpeg", "mpegts", "mpegvideo", "m4v", "h264", "hevc")
_LOST = 0.05, 0.5  # of what a file says to last, and seconds: what programs cut at its ends
# The codec that is written, by the end of the name; the formats of its pixels, by channels.
_CODECS = {
    ".mp4": ("libx264", "yuv420p", "yuv420p"),
    ".mov": ("libx264", "yuv420p", "yuv420p"),
    ".avi": ("mpeg4", "yuv420p", "yuv420p"),
    ".mkv": ("ffv1", "bgr0", "gray"),
    ".webm": ("libvpx-vp9", "yuv420p", "yuv420p"),
    ".gif": ("gif", "rgb8", "gray"),
}


@dataclass(frozen=True)
class Sampling:
    """What is kept of a clip; by default, all of it.

    Attributes:
        size: (height, width) of the frames in pixels, to which they are stretched or shrunk, each
            new pixel being the mean of what it covers; None keeps those of the first frame.
        channels: 3 for red, green and blue, 1 for their brightness.
        frames: at most so many, the middle ones of as many equal parts of the clip.
        rate: frames a second, the nearest to each moment; where `frames` is given too, the parts
            are of these. A clip of fewer a second repeats some.

    Raises:
        ValueError: a number is out of its range.
    """

    size: tuple[int, int] | None = None
    channels: int = 3
    frames: int | None = None
    rate: float | None = None

    def __post_init__(self) -> None:
        if self.size is not None:  # of a list, as in JSON, for one
            object.__setattr__(self, "size", tuple(map(int, self.size)))
        if self.size is not None and (len(self.size) != 2 or min(self.size) < 1):
            raise ValueError(f"`size` must be (height, width). Received: {self.size!r}")
        if self.channels not in _PIXELS:
            raise ValueError(f"`channels` must be 1 or 3. Received: {self.channels!r}")
        if self.frames is not None and self.frames < 1:
            raise ValueError(f"`frames` must be 1 or more. Received: {self.frames!r}")
        if self.rate is not None and not 0 < self.rate < np.inf:
            raise ValueError(f"`rate` must be positive. Received: {self.rate!r}")

    def number(self, times: np.ndarray) -> int:
        """How many frames are kept, by the seconds at which they begin and the last one ends.

        Args:
            times: (frames + 1,) float.
        """
        number = self._before(times)
        return number if self.frames is None else min(number, self.frames)

    def places(self, times: np.ndarray) -> np.ndarray:
        """Which frames are kept, ascending: (kept,) integers; `times` as in `number`."""
        kept = evenly(self._before(times), self.frames)
        if self.rate is None or len(times) < 2:
            return kept
        # Times are rounded in many formats: the nearest frame is right where the last may not be.
        between = (times[1:-1] + times[:-2]) / 2
        return np.searchsorted(between, times[0] + kept / self.rate)

    def _before(self, times: np.ndarray) -> int:
        """How many there are before `frames` is heeded."""
        if self.rate is None or len(times) < 2:
            return len(times) - 1
        return max(1, round((times[-1] - times[0]) * self.rate))


ALL = Sampling()


def evenly(frames: int, most: int | None) -> np.ndarray:
    """The middle frames of `most` equal parts: (most,) integers; all, if there are no more."""
    parts = frames if most is None else min(most, frames)
    return (2 * np.arange(parts) + 1) * frames // (2 * max(parts, 1))


def read(path: str | Path, sampling: Sampling = ALL) -> np.ndarray:
    """Reads a video of any format that PyAV reads, also without sound.

    It is decoded twice, first for the times of its frames, so that no more than what is kept is
    held, however long it is. Phones note how they were turned; frames are upright.

    Args:
        path: the file.
        sampling: what is kept.

    Returns:
        (time, height, width, channels) uint8.

    Raises:
        UserError: the file is missing, empty, damaged, a sound or a still image, has no frame, or
            is cut off, which MPEG, MKV and WebM with sound may be; frames are too large to be
            decoded (`MOST_PIXELS`), or what is kept takes more than a gigabyte (`MOST_BYTES`).
        MissingPackageError: PyAV is not installed.
    """
    with reading(path) as file:
        return _clip(file, str(path), sampling)


def decode(content: bytes, name: str, sampling: Sampling = ALL) -> np.ndarray:
    """Reads the content of a file: see `read`. `name` is that of the file, for errors."""
    if not content:
        raise UserError(f"{name}: the file is empty")
    return _clip(io.BytesIO(content), name, sampling)


def write(frames: np.ndarray, path: str | Path, rate: float = 15) -> None:
    """Writes frames as a video without sound; the end of the name tells the format.

    `.mkv` keeps frames as they are, and `.gif` gray ones; its colours are 256 fixed ones. The other
    formats change frames a little.

    Args:
        frames: (time, height, width, channels) uint8, of 1 or 3 channels.
        path: the file, `.mp4`, `.mov`, `.avi`, `.mkv`, `.webm` or `.gif`.
        rate: frames a second; a GIF has hundredths of a second.

    Raises:
        UserError: the name has another end, or the file cannot be written.
        MissingPackageError: PyAV is not installed.
        ValueError: these are no frames, or there is none.
    """
    frames, path = np.asarray(frames), Path(path)
    if frames.ndim != 4 or frames.dtype != "uint8" or frames.shape[-1] not in _PIXELS:
        raise ValueError("`frames` must be (time, height, width, 1 or 3) uint8.")
    if not frames.size:
        raise ValueError(f"`frames` must not be empty. Received: {frames.shape}")
    if path.suffix.lower() not in _CODECS:
        raise UserError(f"{path}: the name must end in {', '.join(_CODECS)}")
    with writing(path) as file:
        file.write(_encoded(frames, path.suffix.lower(), Fraction(rate).limit_denominator(1001)))


def _encoded(frames: np.ndarray, suffix: str, rate: Fraction) -> bytes:
    av = library("video")
    codec, colour, gray = _CODECS[suffix]
    height, width, channels = frames.shape[1:]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format={".mkv": "matroska"}.get(suffix, suffix[1:])) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = height, width
        stream.pix_fmt = colour if channels == 3 else gray
        if (height % 2 or width % 2) and codec == "libx264":
            stream.pix_fmt = "yuv444p"  # whose colours are not of four pixels each
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(frame if channels == 3 else frame[..., 0]),
                format=_PIXELS[channels],
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _clip(file: BinaryIO, name: str, sampling: Sampling) -> np.ndarray:
    times, shape = _times(file, name)
    height, width = sampling.size or shape
    number = sampling.number(times)
    if number * height * width * sampling.channels > MOST_BYTES:
        raise UserError(
            f"{name}: {number:,} frames of {height} x {width} pixels are more than a gigabyte:"
            " keep fewer frames or make them smaller"
        )
    places = sampling.places(times)
    clip = np.zeros((len(places), height, width, sampling.channels), "uint8")
    filled = 0
    file.seek(0)
    with _opened(file, name) as (container, stream):
        for place, frame in enumerate(container.decode(stream)):
            repeated = int(np.searchsorted(places, place, "right")) - filled
            if repeated:
                pixels = _pixels(frame, height, width, sampling.channels)
                clip[filled : filled + repeated] = pixels
                filled += repeated
            if filled == len(places):
                break
    return clip[:filled]


def _times(file: BinaryIO, name: str) -> tuple[np.ndarray, tuple[int, int]]:
    """When the frames begin and the last one ends, in seconds; (height, width) of the first.

    UserError if there are none, the file says to last longer, or it is a still image.
    """
    times: list[float] = []
    shape, ends = (0, 0), 0.0
    with _opened(file, name) as (container, stream):
        if container.format.name.endswith("_pipe") or container.format.name == "image2":
            raise UserError(f"{name}: this is a still image: give a video")
        spacing = float(1 / (stream.average_rate or 25))
        for frame in container.decode(stream):
            if not times:
                shape = (frame.height, frame.width)[:: -1 if _quarters(frame) % 2 else 1]
            times.append(ends if frame.time is None else frame.time)
            length = float(frame.duration * frame.time_base) if frame.duration else spacing
            ends = times[-1] + length
        told = 0.0
        if stream.duration and container.format.name not in _WITHOUT_LENGTH:
            told = float(stream.duration * stream.time_base)
        elif container.duration and len(container.streams) == 1:
            told = container.duration / 1e6 if "matroska" in container.format.name else 0.0
    if not times:
        raise UserError(f"{name}: there is no frame in it: record it again")
    part, least = _LOST
    lasts = ends - min(times[0], 0.0)  # some count from where the sound begins
    if lasts < told * (1 - part) - least:
        message = f"it ends after {lasts:.1f} of {told:.1f} seconds"
        raise UserError(f"{name}: the video is damaged ({message}): fetch it again")
    return np.maximum.accumulate(np.array([*times, ends])), shape


@contextlib.contextmanager
def _opened(file: BinaryIO, name: str) -> Iterator[tuple[Any, Any]]:
    """The container and its first video; UserError if its frames are too large to be decoded."""
    with opened(file, name, "video") as (container, stream):
        # A few bytes can claim a picture of gigabytes.
        if stream.width * stream.height > MOST_PIXELS:
            raise UserError(
                f"{name}: frames of {stream.height} x {stream.width} pixels are too large: make "
                "them smaller"
            )
        stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        yield container, stream


def _pixels(frame: Any, height: int, width: int, channels: int) -> np.ndarray:
    """An upright frame of a size: (height, width, channels) uint8."""
    quarters = _quarters(frame)
    height, width = (width, height) if quarters % 2 else (height, width)
    frame = frame.reformat(width, height, format=_PIXELS[channels], interpolation="AREA")
    return np.rot90(frame.to_ndarray().reshape(height, width, channels), quarters)


def _quarters(frame: Any) -> int:
    """Quarters of a turn, anticlockwise, that bring a frame upright."""
    return round(frame.rotation / 90) % 4
