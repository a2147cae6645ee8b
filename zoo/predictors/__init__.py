"""Trained networks with what surrounds them: raw inputs in, labelled results out.

`zoo.predictors.presets` saves and loads every class that its `PREDICTORS` lists. Nothing is
imported until it is used, so that `catalogue` lists models without TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
