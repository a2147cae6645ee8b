"""The command line of every task: verbs, options, and what a terminal shows."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
