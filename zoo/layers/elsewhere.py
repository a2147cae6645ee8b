"""What a network makes of the same word elsewhere in its text."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.cells.typing import Shape, Tensor
from zoo.text.special_tokens import PADDING_ID, UNKNOWN_ID

_LARGEST = 2**31 - 1


@keras.saving.register_keras_serializable(package="zoo")
class TokenKeys(keras.layers.Layer):
    """A number for each token, by which tokens are found again.

    Known words have their id, others one from their characters: minus the sum of the ids of the
    characters, each times a number of its place that was drawn once and for all. Of pairs of words
    about one in a million share their number.

    Args:
        characters: number of character ids, padding included.

    Call arguments:
        words: (batch, timesteps) integers.
        characters: (batch, timesteps, longest_word) integers.

    Returns:
        (batch, timesteps) int32; 0 for padding.
    """

    def __init__(self, characters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.characters = characters

    def call(self, words: Tensor, characters: Tensor) -> Tensor:
        longest = characters.shape[-1]
        most = _LARGEST // (longest * self.characters)  # so that no sum is beyond int32
        factors = np.random.default_rng(0).integers(1, most, longest, dtype="int32")
        spelt = ops.sum(ops.cast(characters, "int32") * factors, axis=-1)
        return ops.where(ops.equal(words, UNKNOWN_ID), -spelt, ops.cast(words, "int32"))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"characters": self.characters}


@keras.saving.register_keras_serializable(package="zoo")
class MeanElsewhere(keras.layers.Layer):
    """The mean of a sequence over the other steps that hold the same token.

    A name is called by all of itself once, and by a part of it afterwards; what one sentence tells
    of it holds in the next (Krishnan & Manning 2006).

    Call arguments:
        sequences: (batch, timesteps, features).
        keys: (batch, timesteps) integers, equal for equal tokens, 0 for padding.

    Returns:
        (batch, timesteps, features); 0 where no other step has the key, and at padding.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, sequences: Tensor, keys: Tensor) -> Tensor:
        others = ops.logical_not(ops.eye(ops.shape(keys)[1], dtype="bool"))
        real = ops.not_equal(keys, PADDING_ID)[:, None]
        same = ops.equal(keys[:, :, None], keys[:, None]) & real & others
        same = ops.cast(same, sequences.dtype)  # (batch, timesteps, timesteps)
        number = ops.sum(same, axis=-1, keepdims=True)
        return ops.matmul(same, sequences) / ops.maximum(number, 1)

    def compute_output_shape(self, sequences_shape: Shape, keys_shape: Shape) -> Shape:
        return sequences_shape
