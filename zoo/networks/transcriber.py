"""Many-to-many, T_x > T_y, not aligned: frames of features in, what they spell out, as speech is.

A step has a symbol of the target, or the blank: see `zoo.training.ctc`. With an encoder and a
decoder instead, `zoo.networks.encoder_decoder` reads frames too.
"""

from typing import Any

import keras

from zoo.layers import RecurrentStack
from zoo.networks.frames import Frames
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
            direction the network can go on where a recording was cut: see `stream_step`.
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
        cell, units, layers, bidirectional, dropout, residual, cell_options, name="recurrence"
    )
    x = recurrence(x, mask=mask)  # (batch, steps, units or 2 * units)
    x = keras.layers.Dropout(dropout, name="output_dropout")(x)
    logits = keras.layers.Dense(symbols, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name=name)
