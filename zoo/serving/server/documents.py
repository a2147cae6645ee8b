"""The JSON of REST predictions, by TensorFlow Serving's rules.

https://www.tensorflow.org/tfx/serving/api_rest: `instances` is a list of rows, `inputs` one value
for each input; `{"b64": ...}` is a string of bytes; all elements of a tensor have the same shape.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.serving.arrays import from_base64, is_base64, nested, output_values, to_array, to_base64
from zoo.serving.export.signatures import Specs


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        ValueError: it is none.
    """
    try:
        document = json.loads(body.decode("utf-8"))
    except (RecursionError, ValueError) as error:
        raise ValueError(f"JSON Parse error: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("signature_name", ""), str):
        raise ValueError("JSON Value: not an object with a string as its 'signature_name'")
    return document


def read_inputs(document: dict[str, Any], specs: Specs) -> tuple[dict[str, np.ndarray], bool]:
    """The tensors of a request, and whether they came in rows.

    Raises:
        ValueError: they do not fit the signature.
    """
    if ("instances" in document) == ("inputs" in document):
        raise ValueError("the request must have one of the keys 'instances' and 'inputs'")
    in_rows = "instances" in document
    columns = _columns(document["instances"], specs) if in_rows else document["inputs"]
    if not _is_named(columns):
        columns = {_only(specs): columns}
    if columns.keys() != specs.keys():
        raise ValueError(f"the inputs must be {', '.join(specs)}, not {', '.join(columns)}")
    return {name: _array(name, columns[name], spec) for name, spec in specs.items()}, in_rows


def prediction(outputs: Mapping[str, np.ndarray], in_rows: bool) -> dict[str, Any]:
    """The answer: {"predictions": a value for each row} or {"outputs": a value for each output}.

    A single output comes without its name.

    Raises:
        ValueError: outputs in rows differ in their number of rows.
    """
    values = {
        name: nested(output_values(name, array, "surrogateescape"), to_base64)
        for name, array in sorted(outputs.items())
    }
    if in_rows and len({array.shape[:1] for array in outputs.values()} | {()}) != 2:
        raise ValueError("the outputs differ in their number of rows: ask for columns, by 'inputs'")
    if len(values) == 1:
        (only,) = values.values()
        return {"predictions" if in_rows else "outputs": only}
    if not in_rows:
        return {"outputs": values}
    rows = zip(*values.values(), strict=True)
    return {"predictions": [dict(zip(values, row, strict=True)) for row in rows]}


def encode(document: dict[str, Any]) -> bytes:
    """The bytes of an answer.

    NaN and Infinity are written so, as TensorFlow Serving does, although JSON has none of them.
    Strings that are not UTF-8 pass through as they are.
    """
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _columns(rows: Any, specs: Specs) -> dict[str, list]:
    """The values of each input, from those of each row."""
    if not isinstance(rows, list) or not rows:
        raise ValueError("'instances' must be a list of rows")
    named = _is_named(rows[0])
    for i, row in enumerate(rows):
        if _is_named(row) != named or (named and row.keys() != specs.keys()):
            raise ValueError(f"element {i} of 'instances' must hold {', '.join(specs)}")
    if not named:
        return {_only(specs): rows}
    return {name: [row[name] for row in rows] for name in specs}


def _only(specs: Specs) -> str:
    if len(specs) != 1:
        raise ValueError(f"name the inputs: {', '.join(specs)}")
    return next(iter(specs))


def _is_named(value: Any) -> bool:
    """Whether a value is an object of named inputs."""
    return isinstance(value, dict) and not is_base64(value)


def _array(name: str, value: Any, spec: Any) -> np.ndarray:
    dtype = np.dtype(spec.dtype.as_numpy_dtype)
    try:
        array = to_array(nested(value, from_base64), dtype)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"input {name} is not of expected type {dtype}: {error}") from error
    if not spec.shape.is_compatible_with(array.shape):
        raise ValueError(f"input {name} must have the shape {spec.shape}, not {array.shape}")
    return array
