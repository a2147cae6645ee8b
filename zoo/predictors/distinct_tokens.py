"""A tagger's network on many tokens: what it makes of a token alone, it makes once."""

from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo.cells.typing import Tensor
from zoo.predictors.base import batches_by_length
from zoo.predictors.graphs import for_keras, graph
from zoo.text.special_tokens import PADDING_ID
from zoo.text.token_features import TokenEncoder

CHARACTER_LAYER = "character_features"
_SPELT_TOGETHER = 512  # tokens whose characters are read together


class DistinctTokens:
    """Reads each distinct token once, and sentences as places in what was read.

    Three of four tokens of a corpus have stood in it before, and the characters of all of them are
    most of what a network of `zoo.networks.many_to_many` has to read. What it reads of tokens are
    columns, a dict by the names of its inputs: ids (1 + tokens, ...) with padding in row 0, and in
    place of those of characters the vectors that the network makes of them. A sentence is a row of
    places in them.

    Args:
        model: a network of `zoo.networks.many_to_many`.
        encoder: tokens -> ids.

    Attributes:
        signature: of columns, a dict of `tf.TensorSpec`.
    """

    def __init__(self, model: keras.Model, encoder: TokenEncoder):
        self._encoder = encoder
        inputs = {tensor.name: tensor for tensor in model.inputs}
        if "characters" in inputs:
            self._layer = model.get_layer(CHARACTER_LAYER)
            inputs["characters"] = self._layer.output
        self._names = tuple(inputs)
        self._sentences = keras.Model([*inputs.values()], model.outputs[0])
        self.signature = {
            name: tf.TensorSpec((None, *tensor.shape[2:]), tensor.dtype)
            for name, tensor in inputs.items()
        }
        characters = tf.TensorSpec((None, encoder.longest_word), tf.int32)
        self._spell = graph(self._spelt, characters)
        # A graph on any backend: its operations on strings run side by side.
        self._ids = tf.function(
            lambda tokens: self._encoded(tokens),
            [tf.TensorSpec([None], tf.string)],
            autograph=False,
        )

    def read(self, tokens: Iterable[str]) -> dict[str, Tensor]:
        """The columns of tokens, which need not be distinct.

        Words of similar length are spelt together, so that a loop over characters has few steps.
        """
        ids = self._ids(tf.constant([*tokens], tf.string))
        columns = {name: of_tokens.numpy() for name, of_tokens in ids.items()}
        if "characters" in columns:
            characters = columns["characters"]
            lengths = np.count_nonzero(characters != PADDING_ID, axis=1).tolist()
            batches = [*batches_by_length(lengths, _SPELT_TOGETHER)]
            vectors = [self._spell(ops.convert_to_tensor(characters[batch])) for batch in batches]
            order = np.argsort(np.concatenate(batches)).astype("int32")
            columns["characters"] = ops.take(ops.concatenate(vectors), order, axis=0)
        return {name: ops.convert_to_tensor(column) for name, column in columns.items()}

    def read_in_graph(self, tokens: tf.Tensor) -> dict[str, Tensor]:
        """The same of (tokens,) strings, all at once, as a part of a graph of TensorFlow."""
        columns = {name: for_keras(ids) for name, ids in self._encoded(tokens).items()}
        if "characters" in columns:
            columns["characters"] = self._spelt(columns["characters"])
        return columns

    def output(self, columns: dict[str, Tensor], places: Tensor) -> tuple[Tensor, Tensor]:
        """What the network says of sentences, and the mask of the steps that hold a token.

        Args:
            columns: of the distinct tokens.
            places: (batch, timesteps) int32, that of a token is 1 more than its number; 0 is
                padding.

        Returns:
            As the network returns it, (batch, timesteps, ...), and (batch, timesteps) boolean.
        """
        inputs = [ops.take(columns[name], places, axis=0) for name in self._names]
        return self._sentences(inputs, training=False), ops.not_equal(places, PADDING_ID)

    def _encoded(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = self._encoder.flat(tokens)
        padding = {name: [[1, 0], *([[0, 0]] * (ids[name].shape.rank - 1))] for name in self._names}
        return {name: tf.pad(ids[name], padding[name]) for name in self._names}

    def _spelt(self, characters: Tensor) -> Tensor:
        """(tokens, characters) ids -> (tokens, features)."""
        return self._layer(characters[None], training=False)[0]
