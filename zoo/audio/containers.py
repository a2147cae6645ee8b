"""What reading the sound and the pictures of a file have in common: PyAV, and its errors."""

import contextlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Literal

from zoo.errors import MissingPackageError, UserError

# Some formats name other files or servers to read from. None is reached.
_ALONE = {"protocol_whitelist": "none"}
# What is looked for, what a file with it is called, and formats to give.
_WORDS = {
    "audio": ("sound", "recording", "a WAV, FLAC, MP3 or Ogg"),
    "video": ("video", "video", "an MP4, AVI, MKV, WebM or GIF"),
}


def library(extra: str) -> Any:
    """PyAV; MissingPackageError, with the extra that brings it, if it is not installed."""
    try:
        import av
        import av.stream
    except ModuleNotFoundError as error:
        raise MissingPackageError(error, extra) from error
    return av


@contextlib.contextmanager
def opened(file: BinaryIO, name: str, kind: Literal["audio", "video"]) -> Iterator[tuple[Any, Any]]:
    """The container of PyAV and its first stream of a kind, to be decoded within the block.

    The picture of a cover is no video. No file or server that this one names is reached.

    Args:
        file: opened to read bytes.
        name: that of the file, for errors.
        kind: of the stream, and the extra that brings PyAV.

    Raises:
        UserError: the file has no such stream, or opening or decoding it fails.
        MissingPackageError: PyAV is not installed.
    """
    av = library(kind)
    stuff, noun, formats = _WORDS[kind]
    try:
        # Titles in another encoding than UTF-8 are common.
        with av.open(file, metadata_errors="replace", container_options=_ALONE) as container:
            streams = [
                stream
                for stream in getattr(container.streams, kind)
                if not stream.disposition & av.stream.Disposition.attached_pic
            ]
            if not streams:
                raise UserError(f"{name}: there is no {stuff} in it: give {formats}")
            yield container, streams[0]
    except UserError:
        raise
    except Exception as error:  # PyAV does not say which errors a damaged file can cause
        reason = getattr(error, "strerror", None) or type(error).__name__
        message = f"{name}: this is not a {noun}, or it is damaged ({reason})"
        raise UserError(f"{message}: give {formats}") from error
