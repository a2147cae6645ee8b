"""Many-to-one: T_x > 1, T_y = 1. A sequence of anything in, one class out."""

from typing import Any

import keras

from zoo.cells.typing import Tensor
from zoo.layers import AttentionPooling, MaskedPooling, MeanOfReadings, Perturbation, RecurrentStack
from zoo.networks.adversarial import AdversarialModel
from zoo.networks.encoders import Encoder, Tokens
from zoo.networks.seeds import seeded

POOLINGS = ("max", "mean", "mean-max", "last", "place", "attention")


@seeded
def many_to_one(
    encoder: int | Encoder,
    classes: int,
    *,
    embedding_dim: int = 128,
    cell: str = "lstm",
    units: int = 64,
    layers: int = 1,
    bidirectional: bool = True,
    pooling: str = "max",
    place: float = 0.5,
    word_dropout: float = 0.0,
    embedding_dropout: float = 0.5,
    dropout: float = 0.5,
    adversarial: float = 0.0,
    residual: bool = False,
    cell_options: dict[str, Any] | None = None,
    seed: int | None = None,
    name: str = "many_to_one",
) -> keras.Model:
    """Builds a classifier of sequences: of tokens, sound, DNA, or of what an encoder makes steps.

        inputs -> encoder -> recurrence -> pooling over time -> logits

    Steps that do not count, padding above all, are masked out of the recurrence and of the pooling,
    so that a sequence gives the same result alone and in a batch of longer ones.

    Args:
        encoder: what the network reads, see `zoo.networks.encoders`; or the number of token ids,
            padding (id 0) included, for the encoder `Tokens`.
        classes: number of classes; the output has one logit for two classes (that of the second),
            else one per class.
        embedding_dim: size of the word vectors, learned from scratch, where `encoder` is a number.
        cell, units, layers, bidirectional, residual, cell_options: see `RecurrentStack`.
        pooling: "max", "mean" or "last", see `MaskedPooling`; "last" takes each direction at its
            own end, where it has seen the whole sequence. "mean-max" puts mean and maximum beside
            each other. "place" reads one step, where something is known to be, which both
            directions have just reached. "attention" learns which steps to read:
            `AttentionPooling`.
        place: that step, where `pooling` is "place", see `MaskedPooling`.
        word_dropout: fraction of the words replaced by `<UNK>` in training, where `encoder` is a
            number.
        embedding_dropout: fraction of the features of the steps set to 0 in training, the same in
            every step of a sequence.
        dropout: fraction of values set to 0 between layers and before the output, in training.
        adversarial: size of the changes of the steps in adversarial training, 0 for none; see
            `AdversarialModel`.
        seed, name: seed of the initial weights and of dropout, and name of the model.

    Returns:
        A `keras.Model`: the inputs of the encoder, int32 ids (batch, timesteps) of tokens ->
        float32 logits, (batch, 1) or (batch, classes).

    Raises:
        ValueError: if there are fewer than two classes, or an argument of a layer is wrong.
    """
    if classes < 2:
        raise ValueError(f"`classes` must be at least 2. Received: {classes!r}")
    if isinstance(encoder, int):
        encoder = Tokens(encoder, embedding_dim, word_dropout)
    inputs = encoder.inputs()
    x, mask = encoder.steps(inputs)  # (rows, timesteps, width), (rows, timesteps)
    if adversarial:
        x = Perturbation(name="perturbation")(x)
    x = keras.layers.SpatialDropout1D(embedding_dropout, name="embedding_dropout")(x)
    recurrence = RecurrentStack(
        cell, units, layers, bidirectional, dropout, residual, cell_options, name="recurrence"
    )
    x = recurrence(x, mask=mask)  # (rows, timesteps, units or 2 * units)
    x = _pool(x, mask, pooling, place, bidirectional)
    x = keras.layers.Dropout(dropout, name="output_dropout")(x)
    logits = keras.layers.Dense(1 if classes == 2 else classes, dtype="float32", name="logits")(x)
    if encoder.readings > 1:
        logits = MeanOfReadings(encoder.readings, dtype="float32", name="mean_of_readings")(logits)
    if adversarial:
        return AdversarialModel(inputs, logits, size=adversarial, name=name)
    return keras.Model(inputs, logits, name=name)


def _pool(x: Tensor, mask: Tensor, pooling: str, place: float, bidirectional: bool) -> Tensor:
    if pooling not in POOLINGS:
        raise ValueError(f"`pooling` must be one of {', '.join(POOLINGS)}. Received: {pooling!r}")
    if pooling == "attention":
        return AttentionPooling(name="pooling")(x, mask=mask)
    if pooling == "mean-max":
        both = [MaskedPooling(m, name=f"pooling_{m}")(x, mask=mask) for m in pooling.split("-")]
        return keras.ops.concatenate(both, axis=-1)
    if pooling != "last" or not bidirectional:
        place_of = place if pooling == "place" else None
        return MaskedPooling(pooling, place_of, name="pooling")(x, mask=mask)
    forward, backward = keras.ops.split(x, 2, axis=-1)
    last = MaskedPooling("last", name="last_forward")(forward, mask=mask)
    first = MaskedPooling("first", name="last_backward")(backward, mask=mask)
    return keras.ops.concatenate([last, first], axis=-1)


def probabilities_of(logits: Tensor) -> Tensor:
    """Probabilities, (batch, classes) float32, of logits, (batch, 1) or (batch, classes)."""
    logits = keras.ops.cast(logits, "float32")
    if logits.shape[-1] == 1:  # the logit of the second class; that of the first is 0
        logits = keras.ops.concatenate([keras.ops.zeros_like(logits), logits], axis=-1)
    return keras.ops.softmax(logits, axis=-1)
