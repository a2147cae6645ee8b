"""Recurrence on a GPU against keras.layers on the same backend and against torch.nn, with cuDNN.

    KERAS_BACKEND=jax python -m benchmarks.gpu [--check] [--json] [--rounds N] [--cell NAME]...

A training step is forward and backward, with gradients of weights and inputs; the loss is the mean
of all outputs. Above 1 means that the zoo is faster. Runs on JAX, PyTorch or TensorFlow. PyTorch is
left out as a peer where it is not installed. `--check` compares cuDNN with the zoo's own loop.
"""

import functools
import importlib.util
import itertools
import json
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # leaves memory to PyTorch

import click
import keras
import numpy as np

from benchmarks.timing import parse_shape, ratio, time_in_turn
from zoo.cells import CELLS
from zoo.layers import Bidirectional, Recurrence, engines

SHAPES = ((32, 100, 128, 256), (256, 100, 256, 512))
# The layer of Keras, its options, and the layer of PyTorch that come nearest to a cell.
PEERS = {
    "lstm": ("LSTM", {}, "LSTM"),
    "reset_after_gru": ("GRU", {}, "GRU"),
    "gru": ("GRU", {"reset_after": False}, "GRU"),
    "simplified_gru": ("GRU", {}, "GRU"),
    "rnn": ("SimpleRNN", {}, "RNN"),
    "peephole_lstm": ("LSTM", {}, "LSTM"),
}
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def on_jax(layer, x, mask):
    """The training step and the inference of a Keras layer on JAX, as callables."""
    import jax

    weights = [variable.value for variable in layer.trainable_variables]

    def outputs(weights, x, training):
        pairs = list(zip(layer.trainable_variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=pairs):
            return layer(x, mask=mask, training=training)

    def loss(weights, x):
        return jax.numpy.mean(outputs(weights, x, True).astype("float32"))

    train = jax.jit(jax.grad(loss, argnums=(0, 1)))
    infer = jax.jit(functools.partial(outputs, training=False))
    x = jax.numpy.asarray(x)
    run = lambda function: jax.block_until_ready(function(weights, x))  # noqa: E731
    return functools.partial(run, train), functools.partial(run, infer)


def on_torch(layer, x, mask):
    """The same on PyTorch."""
    import torch

    x = keras.ops.convert_to_tensor(x).requires_grad_()

    def train():
        for variable in layer.trainable_variables:
            variable.value.grad = None
        x.grad = None
        layer(x, mask=mask, training=True).float().mean().backward()
        synchronize()
        return [v.value.grad for v in layer.trainable_variables], x.grad

    def infer():
        with torch.inference_mode():
            answer = layer(x, mask=mask, training=False)
        synchronize()
        return answer

    return train, infer


def on_tensorflow(layer, x, mask):
    """The same on TensorFlow."""
    import tensorflow as tf

    x = tf.constant(x)

    @tf.function
    def train():
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_mean(tf.cast(layer(x, mask=mask, training=True), "float32"))
        *of_weights, of_x = tape.gradient(loss, [*layer.trainable_variables, x])
        return of_weights, of_x

    infer = tf.function(lambda: layer(x, mask=mask, training=False))
    run = lambda function: tf.nest.map_structure(lambda t: t.numpy(), function())  # noqa: E731
    return functools.partial(run, train), functools.partial(run, infer)


ON = {"jax": on_jax, "torch": on_torch, "tensorflow": on_tensorflow}


def synchronize():
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def with_engine(engine, runs):
    """The callables, each traced and run with an engine."""

    def run(function):
        with engines.use(engine):
            return function()

    return tuple(functools.partial(run, function) for function in runs)


def of_torch(name, x, units, bidirectional, lengths, precision):
    """The training step and the inference of a torch.nn layer, rows packed if they have lengths."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence

    device = "cuda" if torch.cuda.is_available() else "cpu"
    layer = getattr(torch.nn, name)(
        x.shape[-1], units, batch_first=True, bidirectional=bidirectional
    ).to(device)
    x = torch.tensor(x, device=device, requires_grad=True)
    lengths = None if lengths is None else torch.tensor(lengths)
    cast = torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")

    def outputs():
        given = x
        if lengths is not None:
            given = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        with cast:
            found = layer(given)[0]
        return found if lengths is None else found.data

    def train():
        layer.zero_grad()
        x.grad = None
        outputs().float().mean().backward()
        synchronize()

    def infer():
        with torch.inference_mode():
            outputs()
        synchronize()

    return train, infer


def layers_of(cell, units, bidirectional, policy):
    """The layer of the zoo and the one of Keras that comes nearest."""
    options = {"return_sequences": True, "dtype": policy}
    peer, extra, _ = PEERS[cell]
    ours = Recurrence(CELLS[cell](units, dtype=policy), **options)
    of_keras = getattr(keras.layers, peer)(units, **extra, **options)
    if bidirectional:
        ours = Bidirectional(ours, dtype=policy)
        of_keras = keras.layers.Bidirectional(of_keras, dtype=policy)
    return ours, of_keras


def measure(cell, shape, precision, masked, rounds):
    """Times one cell at one shape; returns a row of milliseconds and ratios.

    Masked rows are of 1 / 10 to all of the steps, and read in both directions.
    """
    batch, timesteps, input_dim, units = shape
    generator = np.random.default_rng(0)
    x = generator.normal(size=(batch, timesteps, input_dim)).astype("float32")
    lengths = generator.integers(max(1, timesteps // 10), timesteps + 1, batch) if masked else None
    mask = None
    if masked:
        mask = keras.ops.convert_to_tensor(np.arange(timesteps) < lengths[:, None])
    ours, of_keras = layers_of(cell, units, masked, POLICIES[precision])
    ours.build(x.shape)
    of_keras.build(x.shape)
    backend = keras.backend.backend()
    recurrence = ours.forward_layer if masked else ours
    row = {
        "backend": backend,
        "cell": cell,
        "shape": list(shape),
        "precision": precision,
        "masked": masked,
        "engine": engines.engine_of(recurrence),
    }
    candidates = {"zoo": ON[backend](ours, x, mask)}
    if row["engine"] != "loop":
        candidates["loop"] = with_engine("loop", ON[backend](ours, x, mask))
    candidates["keras"] = ON[backend](of_keras, x, mask)
    if importlib.util.find_spec("torch"):
        name = PEERS[cell][2]
        candidates["torch"] = of_torch(name, x, units, masked, lengths, precision)
    for i, phase in enumerate(("train", "inference")):
        runs = {name: c[i] for name, c in candidates.items()}
        for name, run in list(runs.items()):
            try:
                run()
            except Exception as error:  # a backend has no such kernel, and says it in its own way
                row[f"{phase}, {name}"] = f"{type(error).__name__}: {error}"[:200]
                del runs[name]
        seconds = time_in_turn(runs, rounds=rounds)
        row[phase] = {f"{name}_ms": statistics.median(s) * 1e3 for name, s in seconds.items()}
        if "zoo" in seconds:
            row[phase] |= {
                f"{n}/zoo": ratio(s, seconds["zoo"]) for n, s in seconds.items() if n != "zoo"
            }
    return row


def check(cell):
    """The largest differences of cuDNN to the zoo's loop, relative to the largest number.

    Of rows masked at the end, at the beginning, in between and everywhere, in full float32.
    """
    generator = np.random.default_rng(1)
    batch, timesteps, input_dim, units = 6, 30, 12, 16
    x = generator.normal(size=(batch, timesteps, input_dim)).astype("float32")
    steps = np.arange(timesteps)
    mask = np.stack([steps < 30, steps < 20, steps > 9, steps % 3 > 0, steps == 7, steps < 0])
    found = {}
    for name, given, bidirectional in (
        ("no mask", None, False),
        ("masks", mask, False),
        ("both directions", mask, True),
    ):
        layer, _ = layers_of(cell, units, bidirectional, "float32")
        layer.build(x.shape)
        given = None if given is None else keras.ops.convert_to_tensor(given)
        recurrence = layer.forward_layer if bidirectional else layer
        make = functools.partial(ON[keras.backend.backend()], layer, x, given)
        for engine, (train, infer) in {
            "loop": with_engine("loop", make()),
            "chosen": make(),
        }.items():
            arrays = keras.tree.flatten((infer(), train()))
            found[engine] = [np.copy(keras.ops.convert_to_numpy(a)) for a in arrays]
        pairs = zip(found["loop"], found["chosen"], strict=True)
        differences = [float(np.abs(a - b).max() / np.abs(a).max()) for a, b in pairs]
        yield {
            "cell": cell,
            "case": name,
            "engine": engines.engine_of(recurrence),
            "outputs": differences[0],
            "gradients": max(differences[1:]),
        }


def in_full_precision():
    """Products in float32 to the last digit, not in TF32, so that they can be compared."""
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")
    elif keras.backend.backend() == "torch":
        import torch

        torch.backends.cudnn.allow_tf32 = False
    else:
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(False)


@click.command(help=__doc__.split("\n")[0])
@click.option("--check", "checked", is_flag=True, help="Compare the numbers, and time nothing.")
@click.option("--rounds", default=10, show_default=True, type=click.IntRange(1))
@click.option("--cell", "cells", multiple=True, type=click.Choice(tuple(PEERS)), default=PEERS)
@click.option("--shape", "shapes", multiple=True, callback=parse_shape, help="B,T,I,U; repeatable.")
@click.option("--precision", type=click.Choice(tuple(POLICIES)), help="One of the two alone.")
@click.option("--masked/--unmasked", default=None, help="One of the two alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def main(checked, rounds, cells, shapes, precision, masked, as_json):
    if checked:
        in_full_precision()
        measured = (row for cell in cells for row in check(cell))
    else:
        precisions = (precision,) if precision else POLICIES
        ways = (False, True) if masked is None else (masked,)
        cases = itertools.product(cells, shapes or SHAPES, precisions, ways)
        measured = (measure(*case, rounds) for case in cases)
    rows = []
    for row in measured:
        rows.append(row)
        click.echo(json.dumps(row), err=as_json)
    if checked and all(row["engine"] == "loop" for row in rows):
        raise click.ClickException(
            "only the loop was compared with itself: without a GPU set ZOO_RECURRENCE=keras"
        )
    if as_json:
        click.echo(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
