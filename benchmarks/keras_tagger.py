"""The tagger with the layers of Keras; only dropout of words is the zoo's."""

import keras

from zoo.layers import WordDropout
from zoo.text.special_tokens import PADDING_ID


class WordReader(keras.layers.Layer):
    """A vector for each word from its characters, with the layers of Keras.

    `TimeDistributed` would be shorter, but runs a loop over the words around that over characters.
    """

    def __init__(self, characters, units):
        super().__init__()
        self.embedding = keras.layers.Embedding(characters, units, mask_zero=True)
        self.lstm = keras.layers.Bidirectional(keras.layers.LSTM(units))

    def call(self, ids):
        batch, timesteps, longest_word = keras.ops.shape(ids)
        words = keras.ops.reshape(ids, (-1, longest_word))
        features = self.lstm(self.embedding(words))  # (batch * timesteps, 2 * units)
        return keras.ops.reshape(features, (batch, timesteps, features.shape[-1]))


def network(sizes):
    """Words, characters and shapes to logits: `zoo.networks.many_to_many`, as one writes it here.

    Args:
        sizes: `benchmarks.tagging.Sizes`.
    """
    layers = keras.layers
    words = keras.Input((None,), dtype="int32", name="words")
    characters = keras.Input((None, sizes.longest_word), dtype="int32", name="characters")
    shapes = keras.Input((None,), dtype="int32", name="shapes")
    kept = WordDropout(sizes.word_dropout)(words)
    vectors = [
        layers.Embedding(sizes.words, sizes.embedding_dim)(kept),
        WordReader(sizes.characters, sizes.character_units)(characters),
        layers.Embedding(sizes.shapes, sizes.shape_dim)(shapes),
    ]
    x = layers.Dropout(sizes.dropout)(layers.Concatenate()(vectors))
    # `Concatenate` makes one mask of those of its inputs, in which nothing is masked.
    mask = keras.ops.not_equal(words, PADDING_ID)
    x = layers.Bidirectional(layers.LSTM(sizes.units, return_sequences=True))(x, mask=mask)
    x = layers.Dense(sizes.tags)(layers.Dropout(sizes.dropout)(x))
    return keras.Model({"words": words, "characters": characters, "shapes": shapes}, x)
