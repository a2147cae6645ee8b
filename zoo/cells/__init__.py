"""Recurrent cells, written from their equations. A new cell is one class and one line here."""

from zoo.cells.base import RecurrentCell
from zoo.cells.gru import GRUCell, ResetAfterGRUCell, SimplifiedGRUCell
from zoo.cells.lstm import LSTMCell, PeepholeLSTMCell
from zoo.cells.rnn import RNNCell

CELLS = {
    "rnn": RNNCell,
    "simplified_gru": SimplifiedGRUCell,
    "gru": GRUCell,
    "reset_after_gru": ResetAfterGRUCell,
    "lstm": LSTMCell,
    "peephole_lstm": PeepholeLSTMCell,
}

__all__ = [
    "CELLS",
    "GRUCell",
    "LSTMCell",
    "PeepholeLSTMCell",
    "RNNCell",
    "RecurrentCell",
    "ResetAfterGRUCell",
    "SimplifiedGRUCell",
]
