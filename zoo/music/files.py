"""What reading and writing files of any kind has in common."""

import contextlib
import gzip
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from zoo.errors import UserError


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[BufferedReader]:
    """A file to read bytes from; UserError if it is missing, cannot be read, or is empty."""
    try:
        with open(path, "rb") as file:
            if not file.peek(1):
                raise UserError(f"{path}: the file is empty")
            yield file
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def read_bytes(path: str | Path) -> bytes:
    """The content of a file; UserError if it is missing, cannot be read, or is empty."""
    with reading(path) as file:
        return file.read()


def unpack(content: bytes, name: str | Path) -> bytes:
    """What a gzipped file holds; UserError if that is damaged. `name` is that of the file."""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{name}: not a whole gzip file ({error}): fetch it again") from error


@contextlib.contextmanager
def writing(path: str | Path | BinaryIO) -> Iterator[BinaryIO]:
    """A file to write bytes to: of a path a new one, or one that is open, and stays so.

    A UserError says in one line why it could not be written.
    """
    try:
        if isinstance(path, str | Path):
            with open(path, "wb") as file:
                yield file
        else:
            yield path
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error
