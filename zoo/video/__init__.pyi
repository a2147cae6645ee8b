from . import augmentation, cache, drawing, files, frames
from .drawing import draw
from .files import Sampling, decode, read, write
from .frames import with_differences

__all__ = [
    "Sampling",
    "augmentation",
    "cache",
    "decode",
    "draw",
    "drawing",
    "files",
    "frames",
    "read",
    "with_differences",
    "write",
]
