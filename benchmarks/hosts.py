"""Training on one host and on two, and what they exchange: python -m benchmarks.hosts.

The hosts are processes of this machine, each with a processor of its own (`taskset`). The network
is that of `python -m tasks.sentiment` without adversarial training; the texts are made up. They
compute with JAX, whatever KERAS_BACKEND says.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time

import click

_TEXTS, _WORDS, _EPOCHS, _SUMS = 4096, 10_000, 3, 50
_SHORTEST, _LONGEST = 17, 24  # words: batches of one width


@click.command(help=__doc__.splitlines()[0])
@click.option("--batch-size", default=64, show_default=True, help="Texts in a step, of all hosts.")
@click.option("--hosts", hidden=True)
@click.option("--host-index", type=int, hidden=True)
def main(batch_size: int, hosts: str | None, host_index: int | None) -> None:
    if host_index is not None:
        _measure(batch_size, hosts, host_index if hosts else None)
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        addresses = f"127.0.0.1:{free.getsockname()[1]},127.0.0.1:1"
    command = [sys.executable, "-m", "benchmarks.hosts", "--batch-size", str(batch_size)]
    environment = os.environ | {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    for given in ([], ["--hosts", addresses]):
        processes = [
            subprocess.Popen(
                ["taskset", "-c", str(i), *command, *given, "--host-index", str(i)],
                env=environment,
                stderr=subprocess.DEVNULL,
            )
            for i in range(1 + bool(given))
        ]
        if sum([process.wait() for process in processes]):
            raise click.ClickException("a process failed")


def _measure(batch_size: int, addresses: str | None, index: int | None) -> None:
    """Trains, as one of the hosts or as the only one; the first prints what it took."""
    import jax
    import keras
    import numpy as np

    from zoo import networks, training
    from zoo.datasets.batches.by_length import BucketedBatches
    from zoo.training import hosts

    generator = np.random.default_rng(0)
    lengths = generator.integers(_SHORTEST, _LONGEST + 1, size=_TEXTS)
    texts = [generator.integers(2, _WORDS, size=n).astype("int32") for n in lengths]
    batches = BucketedBatches(texts, np.arange(_TEXTS) % 2, batch_size=batch_size, shuffle=True)
    with hosts.joined(addresses, index), hosts.data_parallel(batch_size):
        keras.utils.set_random_seed(1)
        model = networks.many_to_one(_WORDS, 2, embedding_dim=100, units=64)
        model.compile(training.ClippedAdam(), training.BinarySequenceCrossentropy())
        begun: list[float] = []
        clock = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda *_: begun.append(time.perf_counter()),
            on_epoch_end=lambda *_: begun.append(time.perf_counter()),
        )
        with tempfile.TemporaryDirectory() as folder:
            how = {"epochs": _EPOCHS, "seed": 1, "monitor": "loss", "callbacks": [clock]}
            training.fit(model, batches, run_folder=folder, **how)
        seconds = begun[-1] - begun[-2]  # of the last epoch: the first one compiles
        weights = model.count_params()
        shapes = [tuple(weight.shape) for weight in model.trainable_variables]
        summed = [_seconds_to_sum(s) for s in (shapes, [(weights,)])] if hosts.count() > 1 else None
    if index in (None, 0):
        print(
            f"{1 if index is None else 2} process(es): {_TEXTS / seconds:,.0f} texts/s, "
            f"{1000 * seconds / len(batches):.1f} ms a step of {batch_size}"
        )
    if summed is not None and index == 0:
        print(
            f"{4 * weights:,} bytes of gradients; to sum them takes {1000 * summed[0]:.1f} ms as "
            f"{len(shapes)} tensors, {1000 * summed[1]:.1f} ms as one"
        )
        print(f"JAX {jax.__version__}, Keras {keras.__version__}")


def _seconds_to_sum(shapes: list[tuple[int, ...]]) -> float:
    """The median time to sum tensors of these shapes over all hosts."""
    import jax
    import numpy as np

    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("host",))
    layout = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("host"))
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    own = [
        jax.make_array_from_process_local_data(layout, np.ones((1, *shape), "float32"))
        for shape in shapes
    ]
    summed = jax.jit(lambda tensors: [t.sum(axis=0) for t in tensors], out_shardings=whole)
    times = []
    for _ in range(_SUMS):
        begin = time.perf_counter()
        jax.block_until_ready(summed(own))
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


if __name__ == "__main__":
    main()
