"""Arrays as the values of JSON documents, for both ends of REST."""

import numpy as np

BYTES_SUFFIX = "_bytes"
"""Ends the names of outputs that are bytes and travel in base64; other strings are text."""

_SHORT = ("float32", "float16")


def plain(array):
    """An array as nested lists; float32 as the shortest decimals that stand for it."""
    if array.dtype not in _SHORT:
        return array.tolist()
    decimals = [float(str(value)) for value in array.flat]
    return np.array(decimals, dtype=float).reshape(array.shape).tolist()


def nested(values, convert):
    """Nested lists with every value converted."""
    if isinstance(values, list):
        return [nested(value, convert) for value in values]
    return convert(values)
