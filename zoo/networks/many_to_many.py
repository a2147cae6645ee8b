"""Many-to-many, T_x = T_y: a sequence of tokens in, one tag for each out."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from zoo.cells.typing import Tensor
from zoo.layers import (
    CharacterFeatures,
    LinearChainCRF,
    MeanElsewhere,
    Perturbation,
    RecurrentStack,
    TokenKeys,
    WordDropout,
)
from zoo.networks.adversarial import AdversarialModel
from zoo.networks.heads import layers_of
from zoo.networks.seeds import seeded
from zoo.text.special_tokens import PADDING_ID

HEADS = ("crf", "softmax")


@seeded
def many_to_many(
    vocabulary_size: int,
    tags: int,
    *,
    characters: int | None = None,
    longest_word: int | None = None,
    shapes: int | None = None,
    embedding_dim: int = 100,
    character_units: int = 25,
    character_kind: str = "recurrent",
    shape_dim: int = 10,
    cell: str = "lstm",
    units: int = 100,
    layers: int = 1,
    bidirectional: bool = True,
    residual: bool = False,
    elsewhere: bool = False,
    word_dropout: float = 0.0,
    dropout: float = 0.5,
    adversarial: float = 0.0,
    head: str = "crf",
    allowed: Sequence[np.ndarray] | None = None,
    cell_options: dict[str, Any] | None = None,
    seed: int | None = None,
    name: str = "many_to_many",
) -> keras.Model:
    """Builds a tagger of token sequences.

        words, characters, shapes -> vectors, joined -> recurrence -> logits -> CRF, or nothing

    With `elsewhere` each step's logits also see the mean of the recurrence's output over the other
    steps with the same token: rows are then documents rather than sentences.

    Word id 0 is padding, on the right: a sentence gets the same tags alone and in a batch.

    Args:
        vocabulary_size: number of word ids, padding included.
        tags: number of tags.
        characters: number of character ids, padding included; None leaves characters out.
        longest_word: characters of a word, the last axis of that input.
        shapes: number of shape ids, padding included; None leaves shapes out.
        embedding_dim, shape_dim: sizes of the vectors of words and shapes.
        character_units, character_kind: see `CharacterFeatures`; its vectors have as many
            dimensions as units. Characters are read by LSTM units whatever `cell` is, so that a
            comparison of cells is one of those that read the words.
        cell, units, layers, bidirectional, residual, cell_options: see `RecurrentStack`.
        elsewhere: whether steps see those with the same token; see `MeanElsewhere`. It needs
            characters, by which it tells unknown words apart.
        word_dropout: fraction of the words replaced by `<UNK>` in training; their characters stay.
        dropout: fraction of values set to 0 in training: of the joined vectors, between layers, and
            before the logits.
        adversarial: size of the changes of the joined vectors in adversarial training, 0 for none;
            see `AdversarialModel`.
        head: "crf", a linear chain over the tags, or "softmax", each tag by itself.
        allowed: for "crf", which tags may begin, follow each other, and end; see `LinearChainCRF`.
        seed, name: seed of the initial weights and of dropout, and name of the model.

    Returns:
        A `keras.Model` of a dict of int32 ids, `words` (batch, timesteps), `characters`
        (batch, timesteps, longest_word), `shapes` (batch, timesteps). Its output is float32:
        logits (batch, timesteps, tags), or with "crf" log-potentials
        (batch, timesteps, tags, tags), for `zoo.training.ChainCrossentropy` and
        `zoo.layers.crf.viterbi`.

    Raises:
        ValueError: if there is no such head, `elsewhere` is without characters, or an argument of a
            layer is wrong.
    """
    if head not in HEADS:
        raise ValueError(f"`head` must be one of {', '.join(HEADS)}. Received: {head!r}")
    words = keras.Input((None,), dtype="int32", name="words")
    inputs = {"words": words}
    mask = keras.ops.not_equal(words, PADDING_ID)
    x = WordDropout(word_dropout, name="word_dropout")(words)
    vectors = [keras.layers.Embedding(vocabulary_size, embedding_dim, name="embedding")(x)]
    if characters is not None:
        ids = keras.Input((None, longest_word), dtype="int32", name="characters")
        inputs["characters"] = ids
        features = CharacterFeatures(
            characters, character_units, character_units, character_kind, name="character_features"
        )
        vectors.append(features(ids))
    if shapes is not None:
        ids = keras.Input((None,), dtype="int32", name="shapes")
        inputs["shapes"] = ids
        vectors.append(keras.layers.Embedding(shapes, shape_dim, name="shape_embedding")(ids))
    x = vectors[0] if len(vectors) == 1 else keras.ops.concatenate(vectors, axis=-1)
    if adversarial:
        x = Perturbation(name="perturbation")(x)
    x = keras.layers.Dropout(dropout, name="input_dropout")(x)
    recurrence = RecurrentStack(
        cell, units, layers, bidirectional, dropout, residual, cell_options, name="recurrence"
    )
    x = recurrence(x, mask=mask)  # (batch, timesteps, units or 2 * units)
    if elsewhere:
        x = _and_elsewhere(x, inputs, characters)
    x = keras.layers.Dropout(dropout, name="output_dropout")(x)
    x = keras.layers.Dense(tags, dtype="float32", name="logits")(x)
    if head == "crf":
        x = LinearChainCRF(allowed, name="crf")(x, mask=mask)
    if adversarial:
        return AdversarialModel(inputs, x, size=adversarial, name=name)
    return keras.Model(inputs, x, name=name)


def with_elsewhere(model: keras.Model) -> keras.Model:
    """The same tagger, whose logits see each word elsewhere too, at first with a weight of 0.

    Args:
        model: what `many_to_many` built; one that has `elsewhere` is returned as it is.

    Raises:
        ValueError: the network reads no characters.
    """
    layers = layers_of(model)
    if "elsewhere" in layers:
        return model
    inputs = {tensor.name: tensor for tensor in model.inputs}
    features = layers.get("character_features")
    characters = None if features is None else features.vocabulary_size
    x = _and_elsewhere(layers["recurrence"].output, inputs, characters)
    x = layers["output_dropout"](x)
    logits = keras.layers.Dense.from_config(layers["logits"].get_config())
    kernel, bias = layers["logits"].get_weights()
    more = x.shape[-1] - len(kernel)
    x = logits(x)
    logits.set_weights([np.pad(kernel, [(0, more), (0, 0)]), bias])
    if "crf" in layers:
        x = layers["crf"](x, mask=layers["recurrence"].input[1])
    wider = keras.Model(inputs, x, name=model.name)
    made = keras.Model.from_config(wider.get_config())  # with layers of its own
    made.set_weights(wider.get_weights())
    return made


def _and_elsewhere(x: Tensor, inputs: Mapping[str, Tensor], characters: int | None) -> Tensor:
    """Steps, and beside each the mean of those with the same token."""
    if characters is None:
        raise ValueError("`elsewhere` needs `characters`, by which it tells unknown words apart")
    keys = TokenKeys(characters, name="token_keys")(inputs["words"], inputs["characters"])
    others = MeanElsewhere(name="elsewhere")(x, keys)
    return keras.layers.Concatenate(name="and_elsewhere")([x, others])
