"""Recurrent cells, written from their equations. A new cell is one class and one line here."""

import functools
import importlib
from collections.abc import Mapping

_CLASSES = {
    "rnn": "zoo.cells.rnn.RNNCell",
    "simplified_gru": "zoo.cells.gru.SimplifiedGRUCell",
    "gru": "zoo.cells.gru.GRUCell",
    "reset_after_gru": "zoo.cells.gru.ResetAfterGRUCell",
    "lstm": "zoo.cells.lstm.LSTMCell",
    "peephole_lstm": "zoo.cells.lstm.PeepholeLSTMCell",
}


class _Registry(Mapping):
    """Cell classes by name.

    The names are there at once, so that `--help` can list them. The first class that is asked for
    loads Keras and every cell: a saved model may hold any of them.
    """

    def __iter__(self):
        return iter(_CLASSES)

    def __len__(self):
        return len(_CLASSES)

    def __contains__(self, name):
        return name in _CLASSES

    def __getitem__(self, name):
        return _imported()[name]

    def path(self, name):
        """Where a cell's class is defined, as in "zoo.cells.lstm.LSTMCell"."""
        return _CLASSES[name]


@functools.cache
def _imported():
    return {name: _import_class(path) for name, path in _CLASSES.items()}


def _import_class(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


CELLS = _Registry()

_EXPORTED = {path.rpartition(".")[2]: name for name, path in _CLASSES.items()}

__all__ = ["CELLS", "RecurrentCell", *_EXPORTED]


def __getattr__(attribute):
    if attribute in _EXPORTED:
        return CELLS[_EXPORTED[attribute]]
    if attribute == "RecurrentCell":
        _imported()
        return _import_class("zoo.cells.base.RecurrentCell")
    raise AttributeError(f"module 'zoo.cells' has no attribute {attribute!r}")


def __dir__():
    return sorted({*globals(), *__all__})
