"""What recurrent networks remember: gradients over time, problems that ask for memory, explosions.

A room for learners: section by section it makes visible what products of Jacobians do.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
