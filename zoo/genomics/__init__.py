"""Nucleotide sequences: files in, letters to numbers, and splits that no kinship crosses."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
