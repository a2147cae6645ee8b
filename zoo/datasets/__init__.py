"""Corpora, readers of users' files, and batches: one file a kind of data.

Nothing is imported before it is used; each packaged corpus registers with TensorFlow Datasets when
its module, `zoo.datasets.corpora.NAME`, is imported.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
