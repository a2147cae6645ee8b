"""The versions of a model that lie in its folder, loaded when they are first asked for."""

import logging
import threading
from pathlib import Path
from typing import Any

from zoo.serving.export.loaders import SavedModel

_LOG = logging.getLogger(__name__)


class Model:
    """A folder of versions. Whoever asks for a version that is not loaded waits for it.

    Args:
        name: what clients ask for.
        folder: of the versions.
    """

    def __init__(self, name: str, folder: str | Path):
        self.name = name
        self._folder = Path(folder)
        self._loaded: dict[int, SavedModel] = {}
        self._failed: dict[int, tuple[frozenset, str]] = {}  # the files then, and the error
        self._lock = threading.Lock()

    def version(self, number: int | None = None) -> tuple[int, SavedModel]:
        """A version, by default the highest that can be loaded, and its number.

        Raises:
            LookupError: there is none.
        """
        with self._lock:
            folders = self._folders()
            for key in sorted(folders, reverse=True) if number is None else (number,):
                if key in folders and (model := self._load(key, folders[key])):
                    return key, model
        asked = f"Latest({self.name})" if number is None else f"Specific({self.name}, {number})"
        raise LookupError(f"Servable not found for request: {asked}")

    def status(self, number: int | None = None) -> dict[str, Any]:
        """The states of all versions or of one, as REST has them.

        Raises:
            LookupError: there is none.
        """
        found = [key for key in self._folders() if number in (None, key)]
        if not found:
            asked = "any versions" if number is None else f"version {number}"
            raise LookupError(f"Could not find {asked} of model {self.name}")
        return {"model_version_status": [self._state(key) for key in sorted(found, reverse=True)]}

    def _state(self, number: int) -> dict[str, Any]:
        _, error = self._failed.get(number, ((), ""))
        state = "AVAILABLE" if number in self._loaded else "END" if error else "START"
        status = {"error_code": "UNKNOWN" if error else "OK", "error_message": error}
        return {"version": str(number), "state": state, "status": status}

    def _folders(self) -> dict[int, Path]:
        names = self._folder.glob("[0-9]*")
        return {int(path.name): path for path in names if path.name.isdecimal() and path.is_dir()}

    def _load(self, number: int, folder: Path) -> SavedModel | None:
        """A version, or None if it cannot be loaded; another try once its files have changed."""
        if number in self._loaded:
            return self._loaded[number]
        files = frozenset((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
        if number in self._failed and self._failed[number][0] == files:
            return None
        try:
            self._loaded[number] = SavedModel(folder)
        except Exception as error:  # whatever a file that is no model makes TensorFlow raise
            _LOG.error("loading %s version %d failed: %s", self.name, number, error)
            self._failed[number] = files, str(error) or type(error).__name__
            return None
        self._failed.pop(number, None)
        _LOG.info("%s version %d answers", self.name, number)
        return self._loaded[number]
