"""Frames of clips on disk, so that each is decoded once, and few are in memory."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from zoo.errors import UserError
from zoo.video.files import Sampling


class StoredClips(Sequence[np.ndarray]):
    """A list of clips in files that `keep` wrote; each is read whenever it is asked for.

    An index gives a clip; a slice, or a list or array of indices, gives such a list.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = tuple(paths)

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: "slice | Sequence[int] | np.ndarray") -> "StoredClips": ...
    def __getitem__(self, index: Any) -> Any:
        """UserError if the file of the clip is gone or damaged."""
        if isinstance(index, slice):
            return StoredClips(self.paths[index])
        if np.ndim(index):
            return StoredClips(self.paths[i] for i in index)
        return _stored(self.paths[index])

    def lengths(self) -> list[int]:
        """The frames of each clip, by the heads of the files; errors as of an index."""
        return [len(_stored(path, "r")) for path in self.paths]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))


def _stored(path: Path, mode: Literal["r"] | None = None) -> np.ndarray:
    try:
        return np.load(path, mode, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f"{path}: the decoded frames of a clip are gone or damaged: delete the file, if it is "
            "there, and start again"
        ) from error


def place(path: str | Path, sampling: Sampling, folder: Path) -> Path:
    """Where the frames of a clip are kept, by the path, time and size of its file, and `sampling`.

    UserError if the file is missing or cannot be read.
    """
    try:
        path = Path(path).resolve()
        state = path.stat()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    return named(f"{path}\0{state.st_mtime_ns}\0{state.st_size}\0{sampling}", folder)


def named(key: str, folder: Path) -> Path:
    """Where the frames of a clip with this key are kept."""
    digest = hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:40]
    return folder / digest[:2] / f"{digest}.npy"


def keep(clip: np.ndarray, path: Path) -> Path:
    """Writes a clip to a place, all of it or nothing; returns the place.

    UserError if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            try:
                np.save(file, clip, allow_pickle=False)
                file.close()
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise UserError(
            f"cannot keep the frames of a clip in {path.parent} ({error.strerror or error}): make "
            "room there, or set ZOO_CACHE to a folder that can be written"
        ) from error
    return path
