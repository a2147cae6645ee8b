from . import augmentation, containers, features, files, pictures
from .augmentation import Augmentation
from .features import Features, Normalization, features_of, normalized
from .files import decode, read, write

__all__ = [
    "Augmentation",
    "Features",
    "Normalization",
    "augmentation",
    "containers",
    "decode",
    "features",
    "features_of",
    "files",
    "normalized",
    "pictures",
    "read",
    "write",
]
