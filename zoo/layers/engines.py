"""What runs a recurrence: the loop, an operation, cuDNN through Keras, or XLA. Chosen here alone.

    with engines.use("loop"):
        model.predict(x)

or the environment variable ZOO_RECURRENCE, for a whole program.
"""

import contextlib
import contextvars
import functools
import os
import sys
from collections.abc import Iterator
from typing import Any, Protocol

import keras

from zoo import native
from zoo.errors import UserError
from zoo.layers import handover
from zoo.native import operation

VARIABLE = native.CHOICE
ENGINES = ("auto", "loop", "native", "keras", "xla")


class Recurrence(Protocol):
    """What is asked of a `zoo.layers.Recurrence`."""

    cell: Any
    unroll: bool
    supports_jit: bool

    @property
    def is_written_out(self) -> bool: ...


_in_use: contextvars.ContextVar[str | None] = contextvars.ContextVar("engine", default=None)


@contextlib.contextmanager
def use(engine: str) -> Iterator[None]:
    """Context in which recurrences run by an engine, whatever the environment says.

    A graph keeps the engine with which it was traced.

    Args:
        engine: "loop", that of `zoo.layers.Recurrence`; "native", an operation of TensorFlow on a
            processor, where it was built (`zoo.native`); "keras", the layers `keras.layers.LSTM`
            and `GRU`, which run by cuDNN where there is a GPU, for cells that they can stand for;
            "xla", the loop compiled, on TensorFlow; or "auto". Cells that an engine cannot take run
            in the loop.

    Raises:
        ValueError: for any other name.
    """
    if engine not in ENGINES:
        raise ValueError(f"`engine` must be one of {', '.join(ENGINES)}. Received: {engine!r}")
    token = _in_use.set(engine)
    try:
        yield
    finally:
        _in_use.reset(token)


def in_use() -> str:
    """The engine that is asked for at this point of the program.

    Raises:
        UserError: if the environment variable holds no engine.
    """
    return _in_use.get() or _of_environment()


def engine_of(recurrence: Recurrence) -> str:
    """The engine that a recurrence runs by at this point of the program, other than "auto".

    "auto" is on a CPU the native operation where it was built, and else the loop. On JAX it is the
    loop, which XLA compiles with all around it: that was as
    fast as cuDNN or faster (benchmarks/README.md). On a GPU it is else Keras for a cell that cuDNN
    can stand for, and XLA on TensorFlow for the others.

    Raises:
        UserError: if the environment variable holds no engine.
    """
    engine = in_use()
    if engine == "auto":
        engine = _fastest(recurrence)
    if engine == "keras" and not handover.takes(recurrence.cell):
        engine = "loop"
    if engine == "native" and not _has_native(recurrence):
        if not native.is_on():
            _say_what_is_missing()
        engine = "loop"
    if engine == "xla" and not (_compiles() and recurrence.is_written_out):
        engine = "loop"
    return "loop" if recurrence.unroll else engine


def prepare(recurrence: Recurrence, directions: int = 1) -> None:
    """What has to be done for a new recurrence before it runs on a GPU."""
    if not has_gpu():
        if engine_of(recurrence) == "native":
            recurrence.supports_jit = False  # else Keras compiles all of a model's training by XLA
        return
    # Of all of a training step XLA gets the loops alone: it compiles for each length, and cannot
    # compile cuDNN.
    recurrence.supports_jit = keras.backend.backend() != "tensorflow"
    if handover.takes(recurrence.cell):
        handover.layer_for(recurrence.cell, directions)


def has_gpu() -> bool:
    """Whether the backend computes on a GPU."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_logical_devices("GPU"))
    if backend == "jax":
        import jax

        return jax.default_backend() == "gpu"
    import torch

    return torch.cuda.is_available()


def _fastest(recurrence: Recurrence) -> str:
    if keras.backend.backend() == "jax":
        return "loop"
    if not has_gpu():
        return "native" if _has_native(recurrence) else "loop"
    if handover.takes(recurrence.cell):
        return "keras"
    return "xla" if _compiles() else "loop"


def _has_native(recurrence: Recurrence) -> bool:
    return operation.takes(recurrence.cell) and not (has_gpu() or operation.is_compiled_by_xla())


@functools.cache
def _say_what_is_missing() -> None:
    """Once for a program, which asked for it by name."""
    print(f"there is no native operation: {native.state()}", file=sys.stderr)


def _compiles() -> bool:
    return keras.backend.backend() == "tensorflow"


def _of_environment() -> str:
    engine = os.environ.get(VARIABLE) or "auto"
    if engine not in ENGINES:
        raise UserError(f"{VARIABLE} is {engine!r}; it must be one of {', '.join(ENGINES)}")
    return engine


_of_environment()  # before Keras calls a layer, which would bury the line
