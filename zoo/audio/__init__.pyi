from . import augmentation, features, files
from .features import Features, normalized
from .files import decode, read, write

__all__ = [
    "Features",
    "augmentation",
    "decode",
    "features",
    "files",
    "normalized",
    "read",
    "write",
]
