"""Reads the files of the baselines: arrays without pickles."""

import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from zoo.errors import UserError

# What NumPy and zipfile raise for damaged files, and what comes of other content than expected.
_DAMAGE = (
    *(OSError, ValueError, LookupError, EOFError, TypeError, RuntimeError, SyntaxError),
    *(tokenize.TokenError, zlib.error, zipfile.BadZipFile),
)


@contextmanager
def stored_arrays(path: str | Path) -> Iterator[dict[str, np.ndarray]]:
    """The arrays of an npz file by name, for the code that makes a baseline of them.

    Raises:
        UserError: the file is missing or damaged, or that code can make nothing of the arrays.
    """
    try:
        with np.load(Path(path), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        yield arrays
    except _DAMAGE as error:
        raise UserError(f"{path}: the baseline cannot be read: restore the file") from error
