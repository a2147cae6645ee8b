"""Recurrence against the recurrent layers of Keras and PyTorch: one run, same shapes, ratios.

    python -m benchmarks.recurrence [--json] [--rounds N] [--shape B,T,I,U]... [--masked] [--jit]

A training step is forward and backward, with gradients of weights and inputs; the loss is the mean
of all outputs. Above 1 means that the zoo is faster. PyTorch is left out where not installed.
With --masked the layers read in both directions sequences of which a fifth to all steps count, 60 %
in the mean; PyTorch has them packed, which is part of what is timed.
"""

import importlib.util
import json
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import click
import keras
import numpy as np
import tensorflow as tf

from benchmarks.timing import parse_shape, ratio, time_in_turn
from zoo.cells import LSTMCell, ResetAfterGRUCell, RNNCell
from zoo.layers import Bidirectional, Recurrence

SHAPES = ((32, 100, 128, 256), (64, 200, 64, 128), (64, 100, 100, 64), (1, 100, 128, 256))
PEERS = {
    "LSTM": (LSTMCell, keras.layers.LSTM, "LSTM"),
    "GRU": (ResetAfterGRUCell, keras.layers.GRU, "GRU"),
    "RNN": (RNNCell, keras.layers.SimpleRNN, "RNN"),
}


def tensorflow_candidates(layer, x, lengths, jit_compile):
    """The training step and the inference of a Keras layer, as callables."""
    layer.build(x.shape)
    mask = None if lengths is None else tf.sequence_mask(lengths, x.shape[1])

    @tf.function(jit_compile=jit_compile)
    def train(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_mean(layer(x, mask=mask, training=True))
        return tape.gradient(loss, [x, *layer.trainable_variables])

    @tf.function(jit_compile=jit_compile)
    def infer(x):
        return layer(x, mask=mask)

    x = tf.constant(x)
    return lambda: [g.numpy() for g in train(x)], lambda: infer(x).numpy()


def torch_candidates(name, x, lengths, units):
    """The training step and the inference of a torch.nn layer, as callables."""
    import torch

    torch.set_num_threads(os.cpu_count())
    both = lengths is not None
    layer = getattr(torch.nn, name)(x.shape[-1], units, batch_first=True, bidirectional=both)
    x = torch.tensor(x, requires_grad=True)

    def run():
        if lengths is None:
            return layer(x)[0]
        options = {"batch_first": True, "enforce_sorted": False}
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), **options)
        return torch.nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)[0]

    def train():
        layer.zero_grad()
        x.grad = None
        run().mean().backward()

    def infer():
        with torch.inference_mode():
            run()

    return train, infer


def measure(kind, shape, rounds, masked, jit_compile):
    """Times one kind of layer at one shape; returns a row of milliseconds and ratios."""
    batch, timesteps, input_dim, units = shape
    cell, keras_layer, torch_name = PEERS[kind]
    generator, lengths = np.random.default_rng(0), None
    x = generator.normal(size=(batch, timesteps, input_dim)).astype("float32")
    layers = {
        "zoo": Recurrence(cell(units), return_sequences=True),
        "keras": keras_layer(units, return_sequences=True),
    }
    if masked:
        lengths = generator.integers(timesteps // 5, timesteps + 1, size=batch)
        lengths[0] = timesteps
        both = {"zoo": Bidirectional, "keras": keras.layers.Bidirectional}
        layers = {name: both[name](layer) for name, layer in layers.items()}
    candidates = {
        name: tensorflow_candidates(layer, x, lengths, jit_compile)
        for name, layer in layers.items()
    }
    if importlib.util.find_spec("torch"):
        candidates["torch"] = torch_candidates(torch_name, x, lengths, units)
    row = {"layer": kind, "shape": list(shape)}
    for i, phase in enumerate(("train", "inference")):
        seconds = time_in_turn({name: c[i] for name, c in candidates.items()}, rounds=rounds)
        row[phase] = {
            **{f"{name}_ms": statistics.median(s) * 1e3 for name, s in seconds.items()},
            **{f"{n}/zoo": ratio(s, seconds["zoo"]) for n, s in seconds.items() if n != "zoo"},
        }
    return row


@click.command(help=__doc__.split("\n")[0])
@click.option("--rounds", default=20, show_default=True, type=click.IntRange(1))
@click.option("--shape", "shapes", multiple=True, callback=parse_shape, help="B,T,I,U; repeatable.")
@click.option("--layer", "kinds", multiple=True, type=click.Choice(tuple(PEERS)), default=PEERS)
@click.option("--masked", is_flag=True, help="Both directions, and padding that does not count.")
@click.option("--jit", is_flag=True, help="Compile the zoo's and Keras' functions with XLA.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def main(rounds, shapes, kinds, masked, jit, as_json):
    shapes = shapes or SHAPES
    rows = []
    header = f"{'layer':6}{'batch,steps,inputs,units':>26}{'phase':>11}"
    click.echo(f"{header}{'zoo ms':>9}{'keras/zoo':>11}{'torch/zoo':>11}", err=as_json)
    for kind in kinds:
        for shape in shapes:
            row = measure(kind, shape, rounds, masked, jit)
            rows.append(row)
            for phase in ("train", "inference"):
                figures = row[phase]
                torch = f"{figures['torch/zoo']:11.2f}" if "torch/zoo" in figures else f"{'-':>11}"
                name = ",".join(map(str, shape))
                click.echo(
                    f"{kind:6}{name:>26}{phase:>11}{figures['zoo_ms']:9.1f}"
                    f"{figures['keras/zoo']:11.2f}{torch}",
                    err=as_json,
                )
    if as_json:
        click.echo(json.dumps({"rows": rows, "jit_compile": jit}))


if __name__ == "__main__":
    main()
