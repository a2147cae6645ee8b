"""How tokens are drawn: what users may ask for, checked."""

from typing import Any

import numpy as np
from keras import ops

from zoo.cells.typing import Tensor
from zoo.generation.temperature import HOTTEST


def check_length(length: int | None) -> None:
    """Refuses a length of what is to be written that is below 1, or missing, by a `ValueError`."""
    if length is None or length < 1:
        raise ValueError(f"`length` must be at least 1. Received: {length!r}")


def check_seed(seed: int) -> None:
    """Refuses a seed that `zoo.generation.uniforms` cannot count up from, by a `ValueError`."""
    if not 0 <= seed < 2**62:
        raise ValueError(f"`seed` must be at least 0 and below 2**62. Received: {seed!r}")


def sampling(temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> dict[str, Any]:
    """The settings of a draw, as `zoo.generation.truncated` has them; a `ValueError` for others."""
    if not 0 < temperature <= HOTTEST:
        raise ValueError(
            f"`temperature` must be above 0 (`greedy` is its limit) and at most {HOTTEST:g}. "
            f"Received: {temperature!r}"
        )
    if top_k < 0 or not 0 < top_p <= 1:
        raise ValueError(
            "`top_k` must be at least 0, and `top_p` above 0 and at most 1. "
            f"Received: {top_k!r}, {top_p!r}"
        )
    return {"temperature": temperature, "top_k": min(top_k, 2**31 - 1), "top_p": top_p}


def for_rows(settings: dict[str, Any], batch: int) -> dict[str, Tensor]:
    """What `sampling` returned as tensors (batch,), the same for each row."""
    dtypes = {"temperature": "float32", "top_k": "int32", "top_p": "float32"}
    return {
        name: ops.convert_to_tensor(np.full(batch, value, dtypes[name]))
        for name, value in settings.items()
    }
