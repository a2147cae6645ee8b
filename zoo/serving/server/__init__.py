"""What starts servers: TensorFlow Serving, or a small server for trying models out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
