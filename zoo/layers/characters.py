"""A vector for each word, from its characters."""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Shape, Tensor
from zoo.layers.pooling import MaskedPooling
from zoo.layers.stack import RecurrentStack
from zoo.text.special_tokens import PADDING_ID

KINDS = ("recurrent", "convolutional")
_KERNEL_SIZE = 3


@keras.saving.register_keras_serializable(package="zoo")
class CharacterFeatures(keras.layers.Layer):
    """Reads each word by its characters: prefixes, suffixes, capitals, even of unknown words.

    "recurrent": both directions over the characters, each at its own end (Lample et al. 2016);
    "convolutional": filters three characters wide, the maximum over the word (Ma & Hovy 2016).

    In training on TensorFlow, words that occur several times in a batch are read once, unless there
    is dropout, which is drawn for each. (In inference the predictor does so: exports search for
    nothing.)

    Args:
        vocabulary_size: number of character ids, padding included.
        embedding_dim: size of the character vectors.
        units: units per direction; convolutional: half of the filters.
        kind: "recurrent" or "convolutional".
        cell: name of the recurrent cell.
        dropout: fraction of the values of the character vectors set to 0 in training.

    Call arguments:
        ids: (batch, timesteps, characters) integers, padded with 0 on the right.
        training: whether dropout applies.

    Returns:
        (batch, timesteps, 2 * units); 0 for a word without characters.

    Raises:
        ValueError: if `kind` is none of these.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int = 25,
        units: int = 25,
        kind: str = "recurrent",
        cell: str = "lstm",
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"`kind` must be one of {', '.join(KINDS)}. Received: {kind!r}")
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.units = units
        self.kind = kind
        self.cell = cell
        dtype = self.dtype_policy
        self.embedding = keras.layers.Embedding(vocabulary_size, embedding_dim, dtype=dtype)
        self.dropout = keras.layers.Dropout(dropout, dtype=dtype)
        if kind == "recurrent":
            self.stack = RecurrentStack(cell, units, dtype=dtype)
            self.poolings = [MaskedPooling(mode, dtype=dtype) for mode in ("last", "first")]
        else:
            self.convolution = keras.layers.Conv1D(
                2 * units, _KERNEL_SIZE, padding="same", dtype=dtype
            )
            self.poolings = [MaskedPooling("max", dtype=dtype)]

    def build(self, ids_shape: Shape) -> None:
        words = (None, ids_shape[-1])
        self.embedding.build(words)
        reader = self.stack if self.kind == "recurrent" else self.convolution
        reader.build((*words, self.embedding_dim))

    def call(self, ids: Tensor, training: bool = False) -> Tensor:
        shape = ops.shape(ids)
        words = _trimmed(ops.reshape(ids, (-1, shape[2])))  # (batch * timesteps, characters)
        places = None
        if training and not self.dropout.rate and keras.backend.backend() == "tensorflow":
            words, places = _distinct(words)
        if self.kind == "convolutional":  # of no word, oneDNN would give it a wrong shape
            words = ops.pad(words, [[0, 1], [0, 0]])
        mask = ops.not_equal(words, PADDING_ID)
        x = self.dropout(self.embedding(words), training=training)
        if self.kind == "recurrent":
            forward, backward = ops.split(self.stack(x, mask=mask, training=training), 2, axis=-1)
            last, first = self.poolings
            features = ops.concatenate(
                [last(forward, mask=mask), first(backward, mask=mask)], axis=-1
            )
        else:
            # What stands for padding must not reach the last characters.
            x = self.convolution(ops.where(mask[..., None], x, 0))
            features = self.poolings[0](x, mask=mask)[:-1]
        if places is not None:
            features = ops.take(features, places, axis=0)
        return ops.reshape(features, (shape[0], shape[1], 2 * self.units))

    def compute_output_shape(self, ids_shape: Shape) -> Shape:
        return (*ids_shape[:-1], 2 * self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "units": self.units,
            "kind": self.kind,
            "cell": self.cell,
            "dropout": self.dropout.rate,
        }


def _trimmed(words: Tensor) -> Tensor:
    """Without the steps that are padding in every word of the batch, half of them as a rule.

    Only TensorFlow's graphs have shapes that depend on values.
    """
    if keras.backend.backend() != "tensorflow":
        return words
    lengths = ops.sum(ops.cast(ops.not_equal(words, PADDING_ID), "int32"), axis=1)
    return words[:, : ops.max(lengths, initial=1)]


def _distinct(words: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct rows of ids, and which of them each row is."""
    import tensorflow as tf

    with tf.device("CPU"):  # on a GPU there is none for rows
        return tf.raw_ops.UniqueV2(x=words, axis=[0])
