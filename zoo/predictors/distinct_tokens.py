"""A tagger's network on many tokens: what it makes of a token alone, it makes once."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import ops

from zoo.cells.typing import Tensor
from zoo.layers import TokenKeys
from zoo.predictors.graphs import for_keras, graph
from zoo.text.special_tokens import PADDING_ID
from zoo.text.token_features import TokenEncoder

_READ_TOGETHER = 512  # tokens

Columns = dict[str, Tensor]


class DistinctTokens:
    """Reads each distinct token once, and sentences as places in what was read.

    Three of four tokens of a corpus have stood in it before. What a network of
    `zoo.networks.many_to_many` makes of a token alone, and before the first step of its recurrence,
    is most of its work: ids, a loop over the characters, vectors, and their product with the input
    weights. Here these are columns, a dict of arrays (1 + tokens, ...) with padding in row 0, and a
    sentence is a row of places in them.

    Args:
        model: a network of `zoo.networks.many_to_many`.
        encoder: tokens -> ids.

    Attributes:
        signature: of columns, a dict of `tf.TensorSpec`.
    """

    def __init__(self, model: keras.Model, encoder: TokenEncoder):
        self._encoder = encoder
        self._stack = model.get_layer("recurrence")
        vectors, mask = self._stack.input
        found = {"vectors": vectors}
        keys = [layer.output for layer in model.layers if isinstance(layer, TokenKeys)]
        if keys:
            found["keys"] = keys[0]
        self._vectors = keras.Model(model.inputs, found)
        self._projects = self._stack.can_project
        rest = self._stack.output if self._projects else vectors
        # From the mask on, not from the ids of words: a part that begins with an input of the model
        # and the middle of it would number the nodes of the input anew, and the model not be saved.
        self._rest = keras.Model([rest, mask, *keys], model.outputs[0])
        ids = {
            tensor.name: tf.TensorSpec((None, *tensor.shape[2:]), tf.int32)
            for tensor in model.inputs
        }
        # A graph on any backend: its operations on strings run side by side.
        self._ids = tf.function(
            lambda tokens: self._encoded(tokens),
            [tf.TensorSpec([None], tf.string)],
            autograph=False,
        )
        self._columns = graph(self._columns_of, ids)
        self._of_ids = ["words", "keys"] if keys else ["words"]
        self.signature = {name: tf.TensorSpec((None,), tf.int32) for name in self._of_ids}
        if self._projects:
            for i, cell in enumerate(self._stack.first_cells()):
                spec = tf.TensorSpec((None, cell.kernel.shape[-1]), cell.compute_dtype)
                self.signature[f"direction_{i}"] = spec
        else:
            self.signature["vectors"] = tf.TensorSpec((None, vectors.shape[-1]), vectors.dtype)

    def read(self, tokens: Sequence[str]) -> Columns:
        """The columns of tokens, a few at a time.

        Where those of similar length follow each other, the loop over characters has few steps.
        """
        ids = self._ids(tf.constant(tokens, tf.string))
        parts = [
            self._columns(
                {name: for_keras(column[i : i + _READ_TOGETHER]) for name, column in ids.items()}
            )
            for i in range(0, 1 + len(tokens), _READ_TOGETHER)
        ]
        return {name: ops.concatenate([part[name] for part in parts]) for name in parts[0]}

    def read_in_graph(self, tokens: tf.Tensor) -> Columns:
        """The same of (tokens,) strings, all at once, as a part of a graph of TensorFlow."""
        return self._columns_of({n: for_keras(ids) for n, ids in self._encoded(tokens).items()})

    def output(self, columns: Columns, places: Tensor) -> tuple[Tensor, Tensor]:
        """What the network says of sentences, and the mask of the steps that hold a token.

        Args:
            columns: of the distinct tokens.
            places: (batch, timesteps) int32, that of a token is 1 more than its number; 0 is
                padding.

        Returns:
            As the network returns it, (batch, timesteps, ...), and (batch, timesteps) boolean.
        """
        mask = ops.not_equal(places, PADDING_ID)
        if self._projects:  # time-major
            names, by_step = [*self.signature][len(self._of_ids) :], ops.transpose(places)
            projected = [ops.take(columns[name], by_step, axis=0) for name in names]
            rest = self._stack.read_projected(projected, ops.transpose(mask))
        else:
            rest = ops.take(columns["vectors"], places, axis=0)
        keys = [ops.take(columns[name], places, axis=0) for name in self._of_ids[1:]]
        return self._rest([rest, mask, *keys], training=False), mask

    def _encoded(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = self._encoder.flat(tokens)
        return {
            tensor.name: tf.pad(ids[tensor.name], [[1, 0], *([[0, 0]] * (len(tensor.shape) - 2))])
            for tensor in self._vectors.inputs
        }

    def _columns_of(self, ids: dict[str, Tensor]) -> Columns:
        """Of ids (tokens, ...), which the network reads as one sentence."""
        given = [ids[tensor.name][None] for tensor in self._vectors.inputs]
        found = {name: rows[0] for name, rows in self._vectors(given, training=False).items()}
        columns = {"words": ids["words"]} | found  # (tokens, ...)
        if self._projects:
            projected = self._stack.project(columns.pop("vectors"))
            columns |= {f"direction_{i}": x for i, x in enumerate(projected)}
        return columns
