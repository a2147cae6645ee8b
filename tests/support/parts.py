"""Parts of predictions, as programs read them that come after."""

import json

import pytest
from pyarrow import parquet


def read_parts(folder):
    """The rows of all parts, in order; without what Parquet has nothing in."""
    rows = []
    for path in sorted(folder.glob("part-*")):
        if path.suffix == ".parquet":
            rows += map(_filled, parquet.read_table(path).to_pylist())
        else:
            rows += map(json.loads, path.read_text().splitlines())
    return rows


def _filled(value):
    if isinstance(value, dict):
        return {name: _filled(one) for name, one in value.items() if one is not None}
    return [*map(_filled, value)] if isinstance(value, list) else value


def near(value):
    """What equals values whose numbers differ by rounding."""
    if isinstance(value, dict):
        return {name: near(one) for name, one in value.items()}
    if isinstance(value, list):
        return [*map(near, value)]
    return pytest.approx(value, rel=1e-3, abs=1e-5) if isinstance(value, float) else value
