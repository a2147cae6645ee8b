"""The cells by the names that `--cell` and the layers take."""

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.cells.base import RecurrentCell

_PATHS = {
    "rnn": "zoo.cells.rnn.RNNCell",
    "simplified_gru": "zoo.cells.gru.SimplifiedGRUCell",
    "gru": "zoo.cells.gru.GRUCell",
    "reset_after_gru": "zoo.cells.gru.ResetAfterGRUCell",
    "lstm": "zoo.cells.lstm.LSTMCell",
    "peephole_lstm": "zoo.cells.lstm.PeepholeLSTMCell",
}


class _Registry(Mapping[str, "type[RecurrentCell]"]):
    """Cell classes by name.

    The names are there at once, so that `--help` can list them. The first class that is asked for
    loads Keras and every cell: a saved model may hold any of them.
    """

    def __iter__(self) -> Iterator[str]:
        return iter(_PATHS)

    def __len__(self) -> int:
        return len(_PATHS)

    def __contains__(self, name: object) -> bool:
        return name in _PATHS

    def __getitem__(self, name: str) -> "type[RecurrentCell]":
        return {known: _imported(path) for known, path in _PATHS.items()}[name]

    def add(self, name: str, path: str) -> None:
        """Names a cell of one's own: where its class is defined, as `path` returns it."""
        _PATHS[name] = path

    def path(self, name: str) -> str:
        """Where a cell's class is defined, as in "zoo.cells.lstm.LSTMCell"."""
        return _PATHS[name]


def _imported(path: str) -> "type[RecurrentCell]":
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


CELLS = _Registry()
