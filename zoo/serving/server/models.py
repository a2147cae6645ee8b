"""The versions of a model that lie in its folder, loaded when they are first asked for."""

import logging
import threading
from pathlib import Path
from typing import Any

from zoo.serving.export.loaders import SavedModel

_LOG = logging.getLogger(__name__)


class Model:
    """A folder of versions, and the name that clients ask for.

    Whoever asks for a version that is not loaded waits for it.
    """

    def __init__(self, name: str, folder: str | Path):
        self.name = name
        self._folder = Path(folder)
        self._loaded: dict[int, SavedModel | str] = {}  # or why it cannot be loaded
        self._lock = threading.Lock()

    def version(self, number: int | None = None) -> tuple[int, SavedModel]:
        """A version's number and the version, by default the highest that loads; or LookupError."""
        with self._lock:
            for key in self._numbers(number):
                if key not in self._loaded:
                    self._loaded[key] = self._load(key)
                if isinstance(model := self._loaded[key], SavedModel):
                    return key, model
        asked = f"Latest({self.name})" if number is None else f"Specific({self.name}, {number})"
        raise LookupError(f"Servable not found for request: {asked}")

    def status(self, number: int | None = None) -> dict[str, Any]:
        """The states of all versions or of one, as REST has them; LookupError if there is none."""
        if found := [self._state(key) for key in self._numbers(number)]:
            return {"model_version_status": found}
        asked = "any versions" if number is None else f"version {number}"
        raise LookupError(f"Could not find {asked} of model {self.name}")

    def _numbers(self, number: int | None) -> list[int]:
        """The versions that are there, the highest first; or the one that is asked for."""
        names = [path.name for path in self._folder.glob("[0-9]*") if path.is_dir()]
        numbers = sorted((int(name) for name in names if name.isdecimal()), reverse=True)
        return [key for key in numbers if number in (None, key)]

    def _state(self, number: int) -> dict[str, Any]:
        loaded = self._loaded.get(number)
        code, error = ("UNKNOWN", loaded) if isinstance(loaded, str) else ("OK", "")
        state = "AVAILABLE" if isinstance(loaded, SavedModel) else "END" if error else "START"
        status = {"error_code": code, "error_message": error}
        return {"version": str(number), "state": state, "status": status}

    def _load(self, number: int) -> SavedModel | str:
        try:
            model = SavedModel(self._folder / str(number))
        except Exception as error:  # whatever a file that is no model makes TensorFlow raise
            _LOG.error("loading %s version %d failed: %s", self.name, number, error)
            return str(error) or type(error).__name__
        _LOG.info("%s version %d answers", self.name, number)
        return model
