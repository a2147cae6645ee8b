"""The bodies of REST answers: arrays to JSON, by TensorFlow Serving's rules."""

import base64
import json

from zoo.serving.client.json_values import BYTES_SUFFIX, nested, plain
from zoo.serving.server.servable import type_name
from zoo.serving.server.status import invalid


def encode(document):
    """The bytes of a JSON document.

    NaN and Infinity are written so, as TensorFlow Serving does, although JSON has none of them.
    Strings that are not UTF-8 pass through as they are.
    """
    text = json.dumps(document, ensure_ascii=False)
    return text.encode("utf-8", "surrogateescape")


def rows(outputs):
    """The answer to `instances`: {"predictions": a value, or object of values, for each row}.

    Args:
        outputs: dict of arrays, batch-major.

    Raises:
        ServingError: they do not have the same number of rows.
    """
    batch = None
    for name, array in outputs.items():
        if not array.ndim:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if batch not in (None, len(array)):
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {batch}"
            )
        batch = len(array)
    values = _values(outputs)
    if len(values) == 1:
        return {"predictions": next(iter(values.values()))}
    return {
        "predictions": [
            dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)
        ]
    }


def columns(outputs):
    """The answer to `inputs`: {"outputs": the value, or object of values}."""
    values = _values(outputs)
    return {"outputs": next(iter(values.values())) if len(values) == 1 else values}


def _values(outputs):
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    return {name: _value(name, array) for name, array in outputs.items()}


def _value(name, array):
    if array.dtype == object:
        convert = _base64 if name.endswith(BYTES_SUFFIX) else _text
        return nested(array.tolist(), convert)
    if array.dtype.kind not in "fiub":
        raise invalid(f"Failed to write JSON value for tensor type: {type_name(array.dtype)}")
    return plain(array)


def _base64(string):
    return {"b64": base64.b64encode(string).decode("ascii")}


def _text(string):
    return string.decode("utf-8", "surrogateescape")
