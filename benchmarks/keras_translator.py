"""The translator with the layers of Keras; only tied vectors are the zoo's, for their bias."""

import keras
import numpy as np
import tensorflow as tf

from zoo.layers import TiedEmbedding
from zoo.text.special_tokens import END_ID, PADDING_ID


class Translator(keras.Model):
    """`zoo.networks.encoder_decoder` of one layer of GRU, as one writes it here.

    Args:
        sizes: `benchmarks.zoo_translator.Sizes`.

    Call arguments:
        inputs: dict of ids, `source_ids` (batch, source timesteps) and `target_ids`
            (batch, target timesteps).

    Returns:
        Logits, (batch, target timesteps, target vocabulary).
    """

    def __init__(self, sizes):
        super().__init__()
        layers, units = keras.layers, sizes.units
        vectors = TiedEmbedding if sizes.tie_embeddings else layers.Embedding
        self.target_embedding = vectors(sizes.target_vocabulary, sizes.embedding_dim)
        self.source_embedding = self.target_embedding
        if not sizes.share_embeddings:
            self.source_embedding = layers.Embedding(sizes.source_vocabulary, sizes.embedding_dim)
        # With the reset in front of the product, as the zoo's GRU has it.
        gru = {"return_sequences": True, "return_state": True, "reset_after": False}
        self.encoder = layers.Bidirectional(layers.GRU(units, **gru))
        self.bridge = layers.Dense(units, activation="tanh")
        self.decoder = layers.GRU(units, **gru)
        # Keras' attention has no weights for keys and queries.
        self.key_layer = layers.Dense(units, use_bias=False)
        self.query_layer = None
        if sizes.attention == "additive":
            self.query_layer = layers.Dense(units, use_bias=False)
            self.attention = layers.AdditiveAttention()
        else:
            self.attention = layers.Attention()
        self.combination = layers.Dense(units, activation="tanh")
        self.projection = self.head = None
        if not sizes.tie_embeddings:
            self.head = layers.Dense(sizes.target_vocabulary)
        elif units != sizes.embedding_dim:
            self.projection = layers.Dense(sizes.embedding_dim)
        self.dropout = layers.Dropout(sizes.dropout)
        ids = np.ones((1, 2), "int32")
        self({"source_ids": ids, "target_ids": ids})  # makes the weights

    def call(self, inputs, training=False):
        state, *source = self.encode(inputs["source_ids"], training)
        ids = inputs["target_ids"]
        x = self.dropout(self.target_embedding(ids), training=training)
        x, _ = self.decoder(x, mask=ids != PADDING_ID, initial_state=state)
        return self.logits(x, *source, training=training)

    def encode(self, ids, training=False):
        """The state of the decoder, and the memory, its keys and its mask."""
        mask = ids != PADDING_ID
        x = self.dropout(self.source_embedding(ids), training=training)
        memory, last, first = self.encoder(x, mask=mask, training=training)
        state = self.bridge(keras.ops.concatenate([last, first], axis=-1))
        return state, memory, self.key_layer(memory), mask

    def logits(self, x, memory, keys, mask, training=False):
        """Logits of what the decoder gave, (batch, target timesteps, units)."""
        query = x if self.query_layer is None else self.query_layer(x)
        context = self.attention([query, memory, keys], mask=[None, mask])
        x = self.combination(keras.ops.concatenate([context, x], axis=-1))
        x = self.dropout(x, training=training)
        if self.projection is not None:
            x = self.projection(x)
        return self.target_embedding(x, reverse=True) if self.head is None else self.head(x)

    def step(self, token_ids, state, memory, keys, mask):
        """The logits of what follows tokens, (batch,), and the new state; no loop inside."""
        x, (state,) = self.decoder.cell(self.target_embedding(token_ids), [state])
        return self.logits(x[:, None], memory, keys, mask)[:, 0], state

    def set_zoo_weights(self, weights):
        """Takes over weights as `benchmarks.zoo_translator.weights_of` gives them."""
        directions = ("forward", "backward")
        self.encoder.set_weights([w for name in directions for w in weights[name]])
        for name in ("decoder", "bridge", "combination", "projection", "head"):
            if getattr(self, name) is not None:
                getattr(self, name).set_weights(weights[name])
        self.key_layer.set_weights([weights["key"]])
        if self.query_layer is not None:
            self.query_layer.set_weights([weights["query"]])
            self.attention.set_weights([weights["energy"]])
        self.source_embedding.embeddings.assign(weights["source_embedding"])
        self.target_embedding.embeddings.assign(weights["target_embedding"])
        if self.head is None:
            self.target_embedding.bias.assign(weights["head"][1])


class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy with smoothed labels, mean over the steps; Keras' own needs one-hot labels."""

    def __init__(self, label_smoothing):
        super().__init__(reduction="mean_with_sample_weight")
        self.label_smoothing = label_smoothing

    def call(self, targets, logits):
        log_probabilities = keras.ops.log_softmax(logits)
        indices = keras.ops.cast(targets, "int32")[..., None]
        of_targets = keras.ops.take_along_axis(log_probabilities, indices, axis=-1)[..., 0]
        of_all = keras.ops.mean(log_probabilities, axis=-1)
        return (self.label_smoothing - 1) * of_targets - self.label_smoothing * of_all


def writer(model):
    """What translates greedily: a graph of one step, called from a loop in Python.

    Args:
        model: a `Translator`.

    Returns:
        `write(source_ids, limits)` -> ids (batch, target timesteps), a NumPy array, padding after
        the end of a row; `limits`, (batch,), are the most tokens that a row may have.
    """
    encode = tf.function(model.encode, reduce_retracing=True)

    @tf.function(reduce_retracing=True)
    def step(token_ids, state, *source):
        logits, state = model.step(token_ids, state, *source)
        return tf.argmax(logits, axis=-1, output_type=tf.int32), state

    def write(source_ids, limits):
        state, *source = encode(tf.constant(source_ids))
        token_ids = tf.fill([len(source_ids)], END_ID)
        running, written = np.full(len(source_ids), True), []
        while running.any():
            token_ids, state = step(token_ids, state, *source)
            written.append(np.where(running, token_ids.numpy(), PADDING_ID))
            running &= (written[-1] != END_ID) & (len(written) < limits)
        return np.stack(written, axis=1)

    return write
