"""What a served model answers to, said once for every predictor."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.generation.temperature import HOTTEST

Arrays = Mapping[str, np.ndarray]
DRAWING = (
    tf.TensorSpec([None], tf.float32, "temperature"),
    tf.TensorSpec([None], tf.int64, "seed"),
    tf.TensorSpec([None], tf.int32, "max_length"),
)
"""What clients may ask for where something is drawn."""


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


def text_endpoint(
    function: Callable[[tf.Tensor], Mapping[str, tf.Tensor]],
    examples: Sequence[Sequence[str]],
    expected: Callable[[Arrays], Arrays],
    longest: int,
    name: str = "serving_default",
) -> Endpoint:
    """One that takes nothing but `text`, a string a row, of at most `longest` characters."""

    def answer(text: tf.Tensor) -> Mapping[str, tf.Tensor]:
        require_short(text, longest)
        return function(text)

    inputs = (tf.TensorSpec([None], tf.string, "text"),)
    return Endpoint(name, inputs, answer, [request(text=texts) for texts in examples], expected)


def require_short(text: tf.Tensor, longest: int) -> None:
    """Fails a request with a text of more than `longest` characters, before any work is done."""
    lengths = tf.strings.length(text, unit="UTF8_CHAR")
    tf.debugging.assert_less_equal(
        lengths, longest, f"a text is too long: {longest} characters are the most"
    )


def require_few(ids: tf.Tensor, most: int) -> None:
    """Fails a request whose rows, (batch, timesteps, ...), have more than `most` steps in all."""
    rows, timesteps = tf.unstack(tf.shape(ids, tf.int64)[:2])
    tf.debugging.assert_less_equal(
        rows * timesteps,
        tf.constant(most, tf.int64),
        f"too much at once: {most} steps are the most, padding included; send fewer rows",
    )


def require_between(values: tf.Tensor, least: int, most: Any, message: str) -> None:
    """Fails a request with a number out of range; a lookup would take another in its place."""
    tf.debugging.assert_greater_equal(values, least, message)
    tf.debugging.assert_less_equal(values, most, message)


def each_alone(answer: Callable[..., Mapping[str, Any]]) -> Callable[[Arrays], Arrays]:
    """What is expected of a request, from the answer to one row of it."""

    def expected(inputs: Arrays) -> Arrays:
        rows = [answer(*row) for row in zip(*inputs.values(), strict=True)]
        return request(**{name: [row[name] for row in rows] for name in rows[0]})

    return expected


def drawn_with(rows: int, temperature: Sequence[float], max_length: Sequence[int]) -> Arrays:
    """What an example of a request says of `DRAWING`, each row with a seed of its own."""
    seed = np.arange(1, 1 + rows, dtype="int64")
    return request(temperature=temperature[:rows], seed=seed, max_length=max_length[:rows])


def bounded(temperature: tf.Tensor) -> tf.Tensor:
    """Temperatures as `zoo.generation.truncated` takes them; 0, greedy choice, for 0 or less.

    No number of one client may break the batch that others are in.
    """
    return tf.where(temperature > 0, tf.minimum(temperature, HOTTEST), 0.0)


def request(**inputs: Any) -> dict[str, np.ndarray]:
    """A request or an answer: arrays, with strings as bytes, and lists of numbers in 32 bits."""
    return {name: _array(values) for name, values in inputs.items()}


def _array(values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind == "U":
        return np.char.encode(array, "utf-8").astype(object)
    return array.astype(f"{array.dtype.kind}4") if isinstance(values, list) else array
