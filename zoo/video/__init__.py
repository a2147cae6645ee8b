"""Video: files in, frames out, and paths of points drawn as frames.

Submodules are imported when they are first used: augmentation needs TensorFlow, files do not.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
