"""What training on several devices needs beyond Keras' `fit` and its distributions.

On TensorFlow a `tf.distribute.MirroredStrategy` runs the training step once per GPU, each time on a
part of the batch. A quantity that belongs to the whole batch, such as the number of its examples or
the norm of its gradient, has to be summed over these replicas. The other backends hand the whole
batch to one program (JAX divides it underneath, over the devices of all hosts), so there is nothing
to sum.
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
    """Lets `model.fit` train on batches that its replicas cannot share evenly.

    On TensorFlow each call of Keras' `fit` and `evaluate` averages its first batch over the
    replicas, to learn the shapes, which fails unless their parts are equally large. In shuffled
    batches the last, smaller one may come first. Here Keras learns the shapes once, from a batch
    that is not split.

    On JAX Keras lays all batches of an epoch out as it does the first. Here each is laid out by
    itself, over the devices or whole on each of them: see `zoo.datasets.batches.shares`.
    """
    distribution = keras.distribution.distribution()
    if distribution is not None:
        from keras.src.backend.jax.trainer import JAXEpochIterator  # no public way to lay out

        by_the_first = JAXEpochIterator._get_distributed_iterator
        JAXEpochIterator._get_distributed_iterator = lambda iterator, distribution: (
            _placed(batch, distribution) for batch in iterator.data_adapter.get_jax_iterator()
        )
        try:
            yield
        finally:
            JAXEpochIterator._get_distributed_iterator = by_the_first
        return
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


def _placed(data: tuple, distribution: keras.distribution.DataParallel) -> tuple:
    """A batch of this host as a part of that of all hosts, or as one that each of them has."""
    import jax

    told = getattr(data[0], "shape", None) == ()  # whether the batch is divided
    axes = (distribution.batch_dim_name,) if told and data[0] else ()
    mesh = distribution.device_mesh.backend_mesh
    layout = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*axes))

    def placed(array: Any) -> Any:
        return jax.make_array_from_process_local_data(layout, array)

    return jax.tree.map(placed, data[1:] if told else data)
