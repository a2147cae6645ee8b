"""Many-to-one: T_x > 1, T_y = 1. A sequence of tokens in, one class out."""

from typing import Any

import keras

from zoo.cells.typing import Tensor
from zoo.layers import MaskedPooling, Perturbation, RecurrentStack, WordDropout
from zoo.networks.adversarial import AdversarialModel
from zoo.networks.seeds import seeded
from zoo.text.special_tokens import PADDING_ID


@seeded
def many_to_one(
    vocabulary_size: int,
    classes: int,
    *,
    embedding_dim: int = 128,
    cell: str = "lstm",
    units: int = 64,
    layers: int = 1,
    bidirectional: bool = True,
    pooling: str = "max",
    word_dropout: float = 0.0,
    embedding_dropout: float = 0.5,
    dropout: float = 0.5,
    adversarial: float = 0.0,
    residual: bool = False,
    cell_options: dict[str, Any] | None = None,
    seed: int | None = None,
    name: str = "many_to_one",
) -> keras.Model:
    """Builds a classifier of token sequences.

        ids (batch, timesteps) -> embedding -> recurrence -> pooling over time -> logits

    Id 0 is padding: it is masked out of the recurrence and of the pooling, so that a text gives the
    same result alone and in a batch of longer ones.

    Args:
        vocabulary_size: number of token ids, padding included.
        classes: number of classes; the output has one logit for two classes (that of the second),
            else one per class.
        embedding_dim: size of the word vectors, learned from scratch.
        cell, units, layers, bidirectional, residual, cell_options: see `RecurrentStack`.
        pooling: "max", "mean" or "last", see `MaskedPooling`; "last" takes each direction at its
            own end, where it has seen the whole sequence.
        word_dropout: fraction of the words replaced by `<UNK>` in training.
        embedding_dropout: fraction of the dimensions of the word vectors set to 0 in training, the
            same in every step of a sequence.
        dropout: fraction of values set to 0 between layers and before the output, in training.
        adversarial: size of the changes of the word vectors in adversarial training, 0 for none;
            see `AdversarialModel`.
        seed, name: seed of the initial weights and of dropout, and name of the model.

    Returns:
        A `keras.Model`: int32 ids (batch, timesteps) -> float32 logits, (batch, 1) or
        (batch, classes).

    Raises:
        ValueError: if there are fewer than two classes, or an argument of a layer is wrong.
    """
    if classes < 2:
        raise ValueError(f"`classes` must be at least 2. Received: {classes!r}")
    ids = keras.Input((None,), dtype="int32", name="ids")
    mask = keras.ops.not_equal(ids, PADDING_ID)
    x = WordDropout(word_dropout, name="word_dropout")(ids)
    x = keras.layers.Embedding(vocabulary_size, embedding_dim, name="embedding")(x)
    if adversarial:
        x = Perturbation(name="perturbation")(x)
    x = keras.layers.SpatialDropout1D(embedding_dropout, name="embedding_dropout")(x)
    recurrence = RecurrentStack(
        cell, units, layers, bidirectional, dropout, residual, cell_options, name="recurrence"
    )
    x = recurrence(x, mask=mask)  # (batch, timesteps, units or 2 * units)
    x = _pool(x, mask, pooling, bidirectional)
    x = keras.layers.Dropout(dropout, name="output_dropout")(x)
    logits = keras.layers.Dense(1 if classes == 2 else classes, dtype="float32", name="logits")(x)
    if adversarial:
        return AdversarialModel(ids, logits, size=adversarial, name=name)
    return keras.Model(ids, logits, name=name)


def _pool(x: Tensor, mask: Tensor, pooling: str, bidirectional: bool) -> Tensor:
    if pooling != "last" or not bidirectional:
        return MaskedPooling(pooling, name="pooling")(x, mask=mask)
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
