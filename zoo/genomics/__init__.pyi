from . import alphabet, files, splitting
from .alphabet import LETTERS, ids, normalized, one_hot, reverse_complement, translated
from .files import Record, decode, read
from .splitting import clusters, tenths

__all__ = [
    "LETTERS",
    "Record",
    "alphabet",
    "clusters",
    "decode",
    "files",
    "ids",
    "normalized",
    "one_hot",
    "read",
    "reverse_complement",
    "splitting",
    "tenths",
    "translated",
]
