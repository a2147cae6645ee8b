from . import features, files
from .features import Features, normalized
from .files import decode, read, write

__all__ = [
    "Features",
    "decode",
    "features",
    "files",
    "normalized",
    "read",
    "write",
]
