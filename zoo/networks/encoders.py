"""The beginning of a network: from what it is given to a sequence of steps for the recurrence.

`many_to_one` takes any object with these two methods. There are

- `Tokens`, words or characters by their ids;
- `zoo.networks.frames.Frames`, frames of features, of sound above all;
- `zoo.networks.nucleotides.Nucleotides`, DNA and RNA;
- `zoo.networks.clips.Clips`, frames of a video, and `Paths`, coordinates of what moves in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import keras

from zoo.cells.typing import Tensor
from zoo.layers import WordDropout
from zoo.text.special_tokens import PADDING_ID

Inputs = Tensor | Mapping[str, Tensor]


class Encoder(Protocol):
    """What makes steps of inputs.

    Attributes:
        readings: how many rows of steps there are for each row of the inputs, all first readings
            before all second ones; what the network says of them is averaged.
    """

    @property
    def readings(self) -> int: ...

    def inputs(self) -> Any:
        """New inputs of a network: a `keras.Input`, or several by their names."""

    def steps(self, inputs: Any) -> tuple[Tensor, Tensor]:
        """The steps, (rows, timesteps, width), and which of them count, (rows, timesteps) boolean.

        It makes new layers, with weights of their own, whenever it is called. Steps that do not
        count change nothing in those that do.
        """


@dataclass(frozen=True)
class Tokens:
    """Ids of tokens, (batch, timesteps) int32, with 0 as padding, to vectors that are learnt.

    Attributes:
        vocabulary_size: number of ids, padding included.
        embedding_dim: size of the vectors.
        word_dropout: fraction of the tokens replaced by `<UNK>` in training.
    """

    vocabulary_size: int
    embedding_dim: int = 128
    word_dropout: float = 0.0
    readings: ClassVar[int] = 1

    def inputs(self) -> Tensor:
        return keras.Input((None,), dtype="int32", name="ids")

    def steps(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        mask = keras.ops.not_equal(inputs, PADDING_ID)
        x = WordDropout(self.word_dropout, name="word_dropout")(inputs)
        embedding = keras.layers.Embedding(
            self.vocabulary_size, self.embedding_dim, name="embedding"
        )
        return embedding(x), mask
