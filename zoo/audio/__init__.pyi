from . import files
from .files import decode, read, write

__all__ = [
    "decode",
    "files",
    "read",
    "write",
]
