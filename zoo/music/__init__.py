"""Musical scores on a grid in time: reading and writing them, hearing and seeing them.

Submodules are imported when they are first used: the library for MusicXML takes seconds.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
