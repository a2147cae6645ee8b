from . import augmentation, containers, features, files
from .features import Features, normalized
from .files import decode, read, write

__all__ = [
    "Features",
    "augmentation",
    "containers",
    "decode",
    "features",
    "files",
    "normalized",
    "read",
    "write",
]
