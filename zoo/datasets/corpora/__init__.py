"""The corpora whose builders are here, one a module; packaged ones need the package index alone.

`zoo.datasets.corpora.NAME` registers its corpus with TensorFlow Datasets when it is imported.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
