"""Raw text in, ids, tags and vectors out, and back: the same in training, prediction and export."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
