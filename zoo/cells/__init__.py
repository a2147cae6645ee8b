"""Recurrent cells, written from their equations, and their names.

A new cell is one class, and a line each in `registry.py` and in `__init__.pyi`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
