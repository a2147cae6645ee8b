"""Reads the files of the baselines: arrays without pickles."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from zoo.errors import UserError

_MOST_BYTES = 2**31  # of all arrays


@contextmanager
def stored_arrays(path: str | Path) -> Iterator[dict[str, np.ndarray]]:
    """The arrays of an npz file by name, for the code that makes a baseline of them.

    A UserError says that the file is missing or damaged, or that the code can make nothing of it.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as parts:
                if sum(part.file_size for part in parts.infolist()) > _MOST_BYTES:
                    raise ValueError("it is no file of a baseline, but a bomb")
        with np.load(Path(path), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        yield arrays
    except Exception as error:  # NumPy, zip and tokenize each have errors of their own for damage
        raise UserError(f"{path}: the baseline cannot be read: restore the file") from error
