"""One seed for all that the layers of a new network draw."""

import functools
import random
import threading
from collections.abc import Callable
from typing import ParamSpec

import keras

_Arguments = ParamSpec("_Arguments")
_DRAWING = threading.RLock()  # the generator is one for all threads


def seeded(build: Callable[_Arguments, keras.Model]) -> Callable[_Arguments, keras.Model]:
    """A builder whose argument `seed` decides what its layers draw, if it is not None.

    Weights and dropout have seeds of their own, which Keras takes from Python's generator when it
    makes them. That goes on afterwards as if nothing had been drawn.
    """

    @functools.wraps(build)
    def built(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> keras.Model:
        seed = kwargs.get("seed")
        if seed is None:
            return build(*args, **kwargs)
        with _DRAWING:
            before = random.getstate()
            random.seed(seed)  # type: ignore[arg-type]  # an integer, by the builder's signature
            try:
                return build(*args, **kwargs)
            finally:
                random.setstate(before)

    return built
