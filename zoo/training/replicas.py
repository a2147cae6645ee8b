"""What a training on several GPUs of one host needs beyond `tf.distribute.MirroredStrategy`.

The strategy runs the training step once per GPU, each time on a part of the batch. A quantity that
belongs to the whole batch, such as the number of its examples or the norm of its gradient, has to
be summed over these replicas. The other backends hand the whole batch to one program (JAX shards
it underneath), so there is nothing to sum.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from zoo.cells.typing import Tensor


def _replica_context() -> Any:
    """The current replica of several, or None where one program sees the whole batch."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    # None in cross-replica context, where Keras traces the model's shapes.
    if context is None or context.num_replicas_in_sync == 1:
        return None
    return context


def replica_count() -> int:
    """How many replicas share the batch at this point of the program."""
    context = _replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def sum_over_replicas(tensors: list[Tensor]) -> list[Tensor]:
    """The list `tensors`, each summed over the replicas; unchanged where there is only one."""
    context = _replica_context()
    if context is None:
        return tensors
    import tensorflow as tf

    return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)


def scope_of(model: keras.Model) -> contextlib.AbstractContextManager:
    """The context in which variables for `model` are made: its strategy's scope, if it has one."""
    strategy = _strategy(model)
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def _strategy(model: keras.Model) -> Any:
    """The strategy of several replicas that `model` was built under, else None."""
    strategy = getattr(model, "distribute_strategy", None)  # TensorFlow's models have one always
    return None if strategy is None or strategy.num_replicas_in_sync == 1 else strategy


@contextlib.contextmanager
def uneven_batches_allowed(model: keras.Model, dataset: Any) -> Iterator[None]:
    """Lets `model.fit` begin with a batch that its replicas cannot share evenly.

    To learn the shapes, each call of Keras' `fit` and `evaluate` averages its first batch over the
    replicas, which fails unless their parts are equally large. In shuffled batches the last,
    smaller one may come first. Here Keras learns the shapes once, from a batch that is not split.
    """
    if _strategy(model) is None:
        yield
        return
    with scope_of(model):
        model._symbolic_build(data_batch=next(iter(dataset)))
    model._maybe_symbolic_build = lambda **_: None
    try:
        yield
    finally:
        del model._maybe_symbolic_build
