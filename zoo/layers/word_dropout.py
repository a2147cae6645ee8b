"""Dropout of whole words."""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Tensor
from zoo.text.special_tokens import END_ID, UNKNOWN_ID


@keras.saving.register_keras_serializable(package="zoo")
class WordDropout(keras.layers.Layer):
    """Replaces words by `<UNK>` at random in training (Iyyer et al. 2015; Dai & Le 2015).

    It keeps a network from leaning on single words, and trains the vector of `<UNK>`, which a small
    vocabulary otherwise leaves with few examples. Padding and `<EOS>` are never replaced.

    Args:
        rate: the probability of a word's replacement, in [0, 1).
        seed: of the draws.
        unknown_id: the id that stands for what is not known.
        first_id: the least id that may be replaced; those below are no words.

    Call arguments:
        ids: integers, any shape.
        training: whether words are replaced.

    Returns:
        Integers of the same shape.

    Raises:
        ValueError: if `rate` is not in [0, 1).
    """

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        unknown_id: int = UNKNOWN_ID,
        first_id: int = END_ID + 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must be in [0, 1). Received: {rate!r}")
        self.rate = rate
        self.seed = seed
        self.unknown_id, self.first_id = unknown_id, first_id
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, ids: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return ids
        draws = keras.random.uniform(ops.shape(ids), seed=self.seed_generator, dtype="float32")
        replaced = (draws < self.rate) & (ids >= self.first_id)
        return ops.where(replaced, self.unknown_id, ids)

    def get_config(self) -> dict[str, Any]:
        own = {"unknown_id": self.unknown_id, "first_id": self.first_id}
        return super().get_config() | {"rate": self.rate, "seed": self.seed, **own}
