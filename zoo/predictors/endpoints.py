"""What a served model answers to, said once for every predictor."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Endpoint:
    """One signature of a served model.

    Servers join the requests of several clients along the first dimension of every input, and cut
    the outputs again. So every input and output is batch-major, options such as a seed too, and a
    row's answer must not depend on the rows beside it or on padding.

    Attributes:
        name: of the signature; "serving_default" is the one that clients get if they name none.
        inputs: the tensors it takes, each with a name, and None as its first dimension.
        function: TensorFlow operations from these tensors, in order, to a dict of outputs.
        examples: requests of several sizes, each a dict of arrays by name. A server replays them
            when it loads the model, so that the first client does not wait.
        expected: what the predictor itself answers to such a request.
    """

    name: str
    inputs: Sequence[tf.TensorSpec]
    function: Callable[..., Mapping[str, tf.Tensor]]
    examples: Sequence[Arrays]
    expected: Callable[[Arrays], Arrays]


def request(**inputs: Any) -> dict[str, np.ndarray]:
    """A request or an answer: arrays, with strings as bytes, and lists of numbers in 32 bits."""
    return {name: _array(values) for name, values in inputs.items()}


def _array(values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind == "U":
        return np.char.encode(array, "utf-8").astype(object)
    return array.astype(f"{array.dtype.kind}4") if isinstance(values, list) else array
