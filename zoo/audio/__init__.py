"""Sound: files in, waveforms and features out.

Submodules are imported when they are first used: features need TensorFlow, files do not.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
