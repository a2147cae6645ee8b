"""Many-to-many, T_x > T_y, not aligned: frames of features in, what they spell out, as speech is.

A step has a symbol of the target, or the blank: see `zoo.training.ctc`. With an encoder and a
decoder instead, `zoo.networks.encoder_decoder` reads frames too.
"""

from typing import Any

import keras

from zoo.layers import RecurrentStack
from zoo.networks.frames import LAYER, Frames
from zoo.networks.heads import as_given, layers_of, state_inputs
from zoo.networks.seeds import seeded


@seeded
def transcriber(
    frames: Frames,
    symbols: int,
    *,
    cell: str = "lstm",
    units: int = 128,
    layers: int = 2,
    bidirectional: bool = True,
    residual: bool = False,
    dropout: float = 0.0,
    cell_options: dict[str, Any] | None = None,
    seed: int | None = None,
    name: str = "transcriber",
) -> keras.Model:
    """Builds a network for connectionist temporal classification.

        features (batch, frames, size) -> subsampling -> recurrence -> logits

    Frames that the mask leaves out change nothing: a recording gets the same logits alone and in a
    batch of longer ones.

    Args:
        frames: what the features are, and how many of them make a step.
        symbols: number of symbols, the blank (id 0) included.
        cell, units, layers, bidirectional, residual, cell_options: see `RecurrentStack`. With one
            direction the network can go on where a recording was cut: see `stream_model`.
        dropout: fraction of values set to 0 in training, between layers and before the logits.
        seed, name: seed of the initial weights and of dropout, and name of the model.

    Returns:
        A `keras.Model` from a dict of `features` (batch, frames, size) float32 and `mask`
        (batch, frames) int32, 1 for each frame that counts, to logits (batch, steps, symbols),
        float32. Steps are ceil(frames / `frames.subsampling`).

    Raises:
        ValueError: if an argument of a layer is wrong.
    """
    inputs = frames.inputs()
    x, mask = frames.steps_of(inputs, frames.layer())
    recurrence = RecurrentStack(
        cell,
        units,
        layers,
        bidirectional,
        dropout,
        residual,
        cell_options,
        return_state=not bidirectional,
        name="recurrence",
    )
    x = recurrence(x, mask=mask)  # (batch, steps, units or 2 * units)
    if not bidirectional:
        x, _ = x
    x = keras.layers.Dropout(dropout, name="output_dropout")(x)
    logits = keras.layers.Dense(symbols, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name=name)


def stream_model(model: keras.Model) -> keras.Model:
    """A transcriber of one direction for a part of a recording, the states in and out.

    A part must have a multiple of `subsampling` frames, unless it is the last, and frames may be
    stacked, not convolved: a convolution looks ahead.

    Args:
        model: what `transcriber` built, also if loaded from a file. The weights are shared.

    Returns:
        A `keras.Model` from a dict of `features`, `mask` and the states, `state_0`, ... (batch,
        units), zeros at first, to a dict of `logits` and the new states.

    Raises:
        ValueError: the model reads in two directions, or has a convolution.
    """
    around = layers_of(model)
    recurrence, frames = around["recurrence"], Frames.of(model)
    if frames.kind != "stack":
        raise ValueError("a convolution looks ahead: frames that are stacked can stream")
    inputs = frames.inputs()
    states = state_inputs(recurrence, recurrence.state_sizes)
    x, mask = frames.steps_of(inputs, around[LAYER])
    x, new_states = recurrence(x, initial_state=list(states.values()), mask=mask)
    outputs = {"logits": around["logits"](x), **as_given(states, new_states)}
    return keras.Model({**inputs, **states}, outputs, name=f"{model.name}_stream")
