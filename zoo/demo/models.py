"""The saved models of a page, loaded when they are first asked for."""

import contextlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.predictors import catalogue

_MOST_LOADED = 16  # models in memory; the one that was asked for the longest time ago goes


class Models:
    """The models that ship, those that users trained, and those that are named.

    Several visitors ask at once: every method may be called from any thread.

    Args:
        named: names or folders of models, each the first of its kind.

    Raises:
        UserError: a named model cannot be found.
    """

    def __init__(self, named: Iterable[str] = ()) -> None:
        folders = {catalogue.reference(f): f for f in map(catalogue.find_model, named)}
        self._folders: dict[str, Path] = folders | {
            name: folder for name, folder in catalogue.models().items() if name not in folders
        }
        self.named = tuple(folders)
        self._loaded: OrderedDict[str, tuple[Any, threading.Lock]] = OrderedDict()
        self._loading: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def of_kind(self, predictor: str) -> list[str]:
        """The names of the models of a kind of predictor; a damaged one is left out."""
        return [name for name, folder in self._folders.items() if _kind(folder) == predictor]

    def metrics(self, name: str) -> dict[str, Any]:
        """What training recorded of a model; nothing of one that is damaged, or is none."""
        with contextlib.suppress(UserError, KeyError):
            return catalogue.read_metrics(self._folders[name])
        return {}

    def load(self, name: str) -> Any:
        """The predictor of a model; a UserError if there is none or it is damaged."""
        return self._get(name)[0]

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[Any]:
        """Context of a predictor that nobody else asks meanwhile, who asks for it so."""
        predictor, lock = self._get(name)
        with lock:
            yield predictor

    def _get(self, name: str) -> tuple[Any, threading.Lock]:
        if name not in self._folders:
            raise UserError(f"there is no model '{name}' on this page: reload it")
        with self._lock:
            loading = self._loading.setdefault(name, threading.Lock())
        with loading:  # who asks for another model need not wait
            with self._lock:
                found = self._loaded.get(name)
            if not found:
                from zoo.predictors import presets

                found = presets.load(self._folders[name]), threading.Lock()
            with self._lock:
                self._loaded[name] = found
                self._loaded.move_to_end(name)
                while len(self._loaded) > _MOST_LOADED:
                    self._loaded.popitem(last=False)
            return found


def _kind(folder: Path) -> str | None:
    try:
        config = json.loads((folder / catalogue.CONFIG_NAME).read_text("utf-8"))
        return config["predictor"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
