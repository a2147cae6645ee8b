from .base import RecurrentCell
from .gru import GRUCell, ResetAfterGRUCell, SimplifiedGRUCell
from .lstm import LSTMCell, PeepholeLSTMCell
from .registry import CELLS
from .rnn import RNNCell

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
