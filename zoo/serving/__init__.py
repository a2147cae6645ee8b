"""Saved models out of the house: export, audit, a client, and what starts servers.

    import zoo

    zoo.serving.export(zoo.load("sentiment_bilstm_imdb"), "sentiment", "served")

Nothing is imported until it is used: what only asks a server by REST never loads TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
