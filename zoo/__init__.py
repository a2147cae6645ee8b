"""A zoo of recurrent networks: cells from the equations, layers, networks, saved models.

    import zoo

    model = zoo.load("sentiment_bilstm_movie_snippets")
    model.predict(["A moving, funny and beautifully acted film."])

Submodules are imported when they are first used, so that `import zoo` does not load TensorFlow.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
