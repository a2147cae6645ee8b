"""The JSON of REST predictions, by TensorFlow Serving's rules.

https://www.tensorflow.org/tfx/serving/api_rest: `instances` is a list of rows, `inputs` one value
for each input; `{"b64": ...}` is a string of bytes; all elements of a tensor have the same shape.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.serving.arrays import from_base64, is_base64, nested, output_values, to_array, to_base64
from zoo.serving.export.loaders import Specs


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a request; a ValueError if it is none."""
    try:
        document = json.loads(body.decode("utf-8"))
    except (RecursionError, ValueError) as error:
        raise ValueError(f"JSON Parse error: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("signature_name", ""), str):
        raise ValueError("JSON Value: not an object with a string as its 'signature_name'")
    return document


def read_inputs(document: dict[str, Any], specs: Specs) -> tuple[dict[str, np.ndarray], bool]:
    """The tensors of a request, and whether they came in rows; ValueError if they do not fit."""
    if ("instances" in document) == ("inputs" in document):
        raise ValueError("the request must have one of the keys 'instances' and 'inputs'")
    in_rows = "instances" in document
    columns = _columns(document["instances"]) if in_rows else document["inputs"]
    if not _is_named(columns):
        if len(specs) != 1:
            raise ValueError(f"name the inputs: {', '.join(specs)}")
        columns = dict.fromkeys(specs, columns)
    if columns.keys() != specs.keys():
        raise ValueError(f"the inputs must be {', '.join(specs)}, not {', '.join(columns)}")
    return {name: _array(name, columns[name], spec) for name, spec in specs.items()}, in_rows


def prediction(outputs: Mapping[str, np.ndarray], in_rows: bool) -> dict[str, Any]:
    """The answer: {"predictions": a value for each row} or {"outputs": a value for each output}.

    A single output comes without its name.
    """
    arrays = sorted(outputs.items())
    values = {name: nested(output_values(name, array), to_base64) for name, array in arrays}
    if len(values) == 1:
        (only,) = values.values()
        return {"predictions" if in_rows else "outputs": only}
    if not in_rows:
        return {"outputs": values}
    rows = zip(*values.values(), strict=True)
    return {"predictions": [dict(zip(values, row, strict=True)) for row in rows]}


def _columns(rows: Any) -> Any:
    """The values of each input by name, from those of each row; or of the only one, as they are."""
    if not isinstance(rows, list) or not rows:
        raise ValueError("'instances' must be a list of rows")
    names = rows[0].keys() if _is_named(rows[0]) else None
    for i, row in enumerate(rows):
        if (row.keys() if _is_named(row) else None) != names:
            raise ValueError(f"element {i} of 'instances' has other inputs than the first")
    return rows if names is None else {name: [row[name] for row in rows] for name in names}


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
