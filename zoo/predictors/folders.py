"""Folders that several processes may write to, and that hold all of a model or nothing."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from zoo.errors import UserError
from zoo.predictors.catalogue import CONFIG_NAME

_LOCK_NAME = ".lock"  # the system frees it when a process ends, however it ends


@contextlib.contextmanager
def exclusive(folder: Path, what: str) -> Iterator[None]:
    """Context in which no other process has this context for the folder, which is there.

    Raises:
        UserError: another has; `what` says what it does.
    """
    path = folder / _LOCK_NAME
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(f"{folder}: {what}: wait for its end, or give another folder") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()


@contextlib.contextmanager
def passing_folder(place: Path, prefix: str) -> Iterator[Path]:
    """Context of an empty folder in `place` that is gone at its end.

    What a killed process has left there of such folders goes, too.
    """
    place.mkdir(parents=True, exist_ok=True)
    for left in place.glob(f"{prefix}*"):
        with contextlib.suppress(UserError), exclusive(left, "it is in use"):
            shutil.rmtree(left, ignore_errors=True)
    outer = Path(tempfile.mkdtemp(dir=place, prefix=prefix))
    try:
        with exclusive(outer, "it is in use"):
            new = outer / "new"
            new.mkdir()
            yield new
    finally:
        shutil.rmtree(outer, ignore_errors=True)


@contextlib.contextmanager
def atomic_replace(folder: str | Path) -> Iterator[Path]:
    """Context of a temporary folder whose files, if nothing fails, are moved to `folder` together.

    If anything fails while they are written, `folder` stays as it was; if the moving itself is
    broken off, it holds no model: a folder is a saved model once the configuration is there, which
    leaves first and comes last.
    """
    folder = Path(folder)
    with passing_folder(folder, ".saving-") as new:
        yield new
        (folder / CONFIG_NAME).unlink(missing_ok=True)
        for path in sorted(new.iterdir(), key=lambda path: path.name == CONFIG_NAME):
            os.replace(path, folder / path.name)
