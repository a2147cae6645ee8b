"""A loop over time on each backend, for code that brings its own gradient.

`keras.ops.scan` requires outputs of the shape of the carry on TensorFlow, and keeps what automatic
differentiation would need. `scan` here does neither.
"""

import contextlib
import operator
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeAlias

import keras
from keras import ops

from zoo.cells.typing import Tensor, Tensors

Step: TypeAlias = Callable[[Any, Any], tuple[Any, Tensors]]
Until: TypeAlias = Callable[[Any], Tensor] | None

_IN_ORDER: ContextVar[bool] = ContextVar("in_order", default=False)


@contextlib.contextmanager
def in_order() -> Iterator[None]:
    """Context for converters of loops.

    A loop that runs backwards turns its sequences round, before and after: else it writes its
    outputs from the last one on, and tf2onnx takes them to come in the order of the rounds. And a
    step gathers its slices: of a slice at a place tf2onnx makes a dozen operations.
    """
    token = _IN_ORDER.set(True)
    try:
        yield
    finally:
        _IN_ORDER.reset(token)


def scan(
    step: Step, initial: Tensors, sequences: Tensors, reverse: bool = False, until: Until = None
) -> tuple[Tensors, Tensors]:
    """Runs `step` over the leading axis of `sequences`.

    Not meant to be differentiated: wrap it in `keras.ops.custom_gradient`.

    Args:
        step: `step(carry, slices) -> (carry, outputs)`; `carry`, `slices` and `outputs` are tuples
            of tensors (`slices` may hold None where `sequences` does).
        initial: tuple of tensors, the carry of the first step.
        sequences: tuple of tensors (timesteps, ...); None entries are passed on as None.
        reverse: whether to start with the last slice. Outputs stay at the index of their slice.
        until: None, or `until(carry) -> boolean scalar`, asked after each step: no step runs after
            one whose carry it is true of, and the outputs of steps that did not run are 0. The
            loop of JAX has a fixed number of rounds; what is left of them then does nothing.

    Returns:
        The final carry, and the tuple of outputs, each (timesteps, ...).
    """
    loop = _BACKENDS[keras.backend.backend()]
    if not (reverse and _IN_ORDER.get()):
        return loop(step, initial, sequences, reverse, until)
    sequences = tuple(None if s is None else ops.flip(s, axis=0) for s in sequences)
    carry, outputs = loop(step, initial, sequences, False, until)
    return carry, tuple(ops.flip(y, axis=0) for y in outputs)


def _tensorflow_scan(
    step: Step, initial: Tensors, sequences: Tensors, reverse: bool, until: Until
) -> tuple[Tensors, Tensors]:
    import tensorflow as tf

    if tf.executing_eagerly() and sequences[0].shape[0]:  # then `tf.while_loop` is one of Python
        return _python_scan(step, initial, sequences, reverse, until)
    timesteps = tf.shape(sequences[0])[0]
    # A slice of the leading axis shares the memory of the whole; TensorArray.unstack copies.
    take = tf.gather if _IN_ORDER.get() else operator.getitem

    def slices_at(t: Tensor) -> Tensors:
        return tuple(None if s is None else take(s, t) for s in sequences)

    # The outputs' number and shapes, from a trace that is thrown away.
    outline = tf.function(lambda carry: step(carry, slices_at(0))[1], autograph=False)
    specs = outline.get_concrete_function(tuple(initial)).structured_outputs
    arrays = tuple(
        tf.TensorArray(spec.dtype, size=timesteps, element_shape=spec.shape) for spec in specs
    )

    def body(i: Tensor, carry: Tensors, arrays: Tensors) -> tuple[Tensor, Tensors, Tensors]:
        t = timesteps - 1 - i if reverse else i
        carry, outputs = step(carry, slices_at(t))
        arrays = tuple(array.write(t, y) for array, y in zip(arrays, outputs, strict=True))
        return i + 1, tuple(carry), arrays

    def goes_on(i: Tensor, carry: Tensors, _: Any) -> Tensor:
        if until is None:
            return i < timesteps
        return (i < timesteps) & ((i < 1) | ~until(carry))

    _, carry, arrays = tf.while_loop(goes_on, body, (0, tuple(initial), arrays))
    return carry, tuple(array.stack() for array in arrays)  # 0 where nothing was written


def _jax_scan(
    step: Any, initial: Tensors, sequences: Tensors, reverse: bool, until: Until
) -> tuple[Tensors, Tensors]:
    import jax

    if until is None:
        return jax.lax.scan(step, tuple(initial), tuple(sequences), reverse=reverse)

    def idle(carry: Tensors, slices: Tensors) -> tuple[Tensors, Tensors]:
        _, outputs = jax.eval_shape(step, carry, slices)
        return carry, jax.tree.map(lambda y: jax.numpy.zeros(y.shape, y.dtype), outputs)

    def step_or_idle(carry: Tensors, slices: Tensors) -> tuple[Tensors, Tensors]:
        carry, stopped = carry
        carry, outputs = jax.lax.cond(stopped, idle, step, carry, slices)
        return (carry, until(carry)), outputs

    start: Any = (tuple(initial), jax.numpy.array(False))
    (carry, _), outputs = jax.lax.scan(step_or_idle, start, tuple(sequences), reverse=reverse)
    return carry, outputs


def _python_scan(
    step: Step, initial: Tensors, sequences: Tensors, reverse: bool, until: Until
) -> tuple[Tensors, Tensors]:
    carry, outputs = tuple(initial), []
    timesteps = sequences[0].shape[0]
    for t in reversed(range(timesteps)) if reverse else range(timesteps):
        carry, at_t = step(carry, tuple(None if s is None else s[t] for s in sequences))
        outputs.append(at_t)
        if until is not None and until(carry):
            break
    nothing = tuple(map(ops.zeros_like, outputs[-1]))
    outputs += [nothing] * (timesteps - len(outputs))
    if reverse:
        outputs.reverse()
    return tuple(carry), tuple(ops.stack(y) for y in zip(*outputs, strict=True))


_BACKENDS = {"tensorflow": _tensorflow_scan, "jax": _jax_scan, "torch": _python_scan}
