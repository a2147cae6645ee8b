"""Arrays as the values of JSON documents, for both ends of REST; without TensorFlow."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

import numpy as np

_SHORT = ("float32", "float16")
_NUMPY_NAMES = {"float": "float32", "double": "float64", "half": "float16", "string": "object"}


def numpy_dtype(name: str) -> np.dtype:
    """The type that TensorFlow calls `name`: "float", or "string" (objects); else a TypeError."""
    return np.dtype(_NUMPY_NAMES.get(name, name))


def to_array(values: Any, dtype: np.dtype) -> np.ndarray:
    """Values as an array of a type that holds them; NumPy alone would wrap large integers.

    Strings, whose `dtype` is `object`, become `bytes`. A ValueError or a TypeError says that a
    value is not of the type, or that the lists differ in length.
    """
    if dtype.kind == "O":
        strings = np.array(values, dtype=object)
        for i, value in enumerate(strings.flat):
            if not isinstance(value, str | bytes):
                raise ValueError(f"expected strings of one shape, not {type(value).__name__}")
            strings.flat[i] = value.encode() if isinstance(value, str) else value
        return strings
    array = np.asarray(values)
    if not array.size:
        return array.astype(dtype, casting="unsafe")
    integers = array.dtype.kind in "iu" and dtype.kind in "iu"
    with np.errstate(over="ignore"):
        cast = array.astype(dtype, casting="unsafe" if integers else "same_kind")
    if (array.dtype.kind == "b") != (dtype.kind == "b"):
        raise ValueError("booleans are no numbers")
    if integers and not np.array_equal(cast, array):
        raise ValueError("out of range")
    if dtype.kind == "f" and not np.array_equal(np.isinf(cast), np.isinf(array)):
        raise ValueError("out of range")
    return cast


def plain(array: np.ndarray) -> Any:
    """An array as nested lists; float32 as the shortest decimals that stand for it."""
    return (array.astype(str).astype(float) if array.dtype in _SHORT else array).tolist()


def output_values(name: str, array: np.ndarray) -> Any:
    """An output as nested lists; strings are `str`, or `bytes` if the name ends in "_bytes".

    The latter travel in base64.
    """
    if array.dtype != object:
        return plain(array)
    if name.endswith("_bytes"):
        return array.tolist()
    return nested(array.tolist(), lambda string: string.decode("utf-8", "replace"))


def nested(values: Any, convert: Callable[[Any], Any]) -> Any:
    """Nested lists with every value converted."""
    if isinstance(values, list):
        return [nested(value, convert) for value in values]
    return convert(values)


def to_base64(value: Any) -> Any:
    """`bytes` as JSON takes them; other values as they are."""
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def is_base64(value: Any) -> bool:
    """Whether a value of JSON stands for bytes."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def from_base64(value: Any) -> Any:
    """The bytes of a value in base64, else a ValueError; other values of JSON as they are."""
    if not is_base64(value):
        return value
    try:
        encoded = "".join(value["b64"].split()).rstrip("=")
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
