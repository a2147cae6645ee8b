"""What is looked at before a saved model is loaded, so that nothing large is made of a small file.

Keras runs no code of a model's (`safe_mode`); but sizes that a configuration names are allocated
before any weight is read, and a file can be a link to anything.
"""

import io
import json
import math
import os
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import keras

from zoo.errors import UserError

WEIGHTS_NAME = "model.weights.h5"  # Keras' own, inside of the archive
_CONFIG_NAME = "config.json"
_MOST_BYTES = 2**28  # of any file that is not the weights
_MOST_PACKED = 100  # times that a file may grow when it is unpacked
_SPARE = 2**24  # bytes of what is no weight, and elements of what no file keeps


def check_files(folder: Path) -> None:
    """Refuses, by a UserError, a folder with a file that lies elsewhere, is none, or is huge."""
    home = folder.resolve()
    for path in folder.iterdir():
        if not Path(os.path.realpath(path)).is_relative_to(home):
            raise UserError(f"{path}: a link out of the folder of the model: put the file there")
        if path.is_dir():
            continue
        if not path.is_file():
            raise UserError(f"{path}: no file: a saved model has files only")
        if path.suffix != ".keras" and path.stat().st_size > _MOST_BYTES:
            raise UserError(f"{path}: larger than {_MOST_BYTES:,} bytes, as no such file is")


def check_archive(archive: Path) -> None:
    """Refuses, by a ValueError, a model that takes other memory than its weights in the file."""
    with zipfile.ZipFile(archive) as parts:
        for part in parts.infolist():
            most = _MOST_PACKED * part.compress_size + _SPARE
            if part.file_size > most:
                raise ValueError(f"{part.filename} is packed more than {_MOST_PACKED} times")
        config, weights = parts.read(_CONFIG_NAME), parts.read(WEIGHTS_NAME)
    with h5py.File(io.BytesIO(weights)) as file:
        stored = sum(_elements(file))
    with ThreadPoolExecutor(1) as thread:  # whose variables Keras forgets with it
        declared = thread.submit(_declared, config).result()
    if declared > stored + _SPARE:
        raise ValueError(f"its configuration asks for {declared:,} weights, it holds {stored:,}")


def _elements(group: h5py.Group) -> Iterator[int]:
    for name in group:
        item = group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
        if isinstance(item, h5py.Group):
            yield from _elements(item)
        elif item is None or item.is_virtual or item.external:
            raise ValueError(f"the weights in {name} lie elsewhere")
        elif item.nbytes > _MOST_PACKED * item.id.get_storage_size() + _SPARE:
            raise ValueError(f"the weights in {name} are packed more than {_MOST_PACKED} times")
        else:
            yield item.size


def _declared(config: bytes) -> int:
    """The number of weights that a configuration asks for, none of which is made."""
    with keras.StatelessScope(initialize_variables=False):
        model: Any = keras.saving.deserialize_keras_object(json.loads(config), safe_mode=True)
        return sum(math.prod(variable.shape) for variable in model.variables)
