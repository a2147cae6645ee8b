"""Reads the files of the baselines: arrays without pickles."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from zoo.errors import UserError


@contextmanager
def stored_arrays(path: str | Path) -> Iterator[dict[str, np.ndarray]]:
    """The arrays of an npz file by name, for the code that makes a baseline of them.

    A UserError says that the file is missing or damaged, or that the code can make nothing of it.
    """
    try:
        with np.load(Path(path), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        yield arrays
    except Exception as error:  # NumPy, zip and tokenize each have errors of their own for damage
        raise UserError(f"{path}: the baseline cannot be read: restore the file") from error
