"""What reading and writing any file of a score has in common."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from zoo.errors import UserError


def read_bytes(path: str | Path) -> bytes:
    """The content of a file; UserError if it is missing, cannot be read, or is empty."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if not content:
        raise UserError(f"{path}: the file is empty")
    return content


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Says in one line, by a UserError, why a file could not be written."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error
