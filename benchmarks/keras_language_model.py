"""The language model with the layers of Keras; only tied vectors are the zoo's, for their bias."""

import functools

import keras
import tensorflow as tf

from zoo.layers import TiedEmbedding


def network(sizes, batch_size, timesteps=None):
    """`zoo.networks.language_model`, as one writes it here: the layers remember their states.

    Args:
        sizes: `benchmarks.language_model.Sizes`.
        batch_size: rows of every batch.
        timesteps: steps of every batch, None for any number. A single one needs no loop.

    Returns:
        A `keras.Model` from ids (batch_size, timesteps) to logits.
    """
    layers = keras.layers
    token_ids = keras.Input(batch_shape=(batch_size, timesteps), dtype="int32")
    if sizes.tie_weights:
        embedding = TiedEmbedding(sizes.vocabulary, sizes.embedding_dim)
        logits = functools.partial(embedding, reverse=True)
    else:
        embedding = layers.Embedding(sizes.vocabulary, sizes.embedding_dim)
        logits = layers.Dense(sizes.vocabulary)
    x = layers.Dropout(sizes.dropout)(embedding(token_ids))
    for _ in range(sizes.layers):
        lstm = layers.LSTM(sizes.units, return_sequences=True, stateful=True, unroll=timesteps == 1)
        x = layers.Dropout(sizes.dropout)(lstm(x))
    return keras.Model(token_ids, logits(x))


def reset(model):
    """Sets the states of all layers to zero."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.LSTM):
            layer.reset_states()


class ResetStates(keras.callbacks.Callback):
    """Lets every epoch begin with states of zeros."""

    def on_epoch_begin(self, epoch, logs=None):
        reset(self.model)


def writer(model, sizes, batch_size):
    """What draws sequences: a graph of one step, called from a loop in Python.

    Args:
        model: what `network` built, whose weights are copied.
        sizes: those of it.
        batch_size: number of sequences.

    Returns:
        `write(first, length)` -> ids (batch_size, length), a NumPy array, drawn after the id
        `first`.
    """
    one_step = network(sizes, batch_size, timesteps=1)
    for copy, weight in zip(one_step.trainable_variables, model.trainable_variables, strict=True):
        copy.assign(weight)
    seed = keras.random.SeedGenerator(0)

    @tf.function
    def step(token_ids):
        logits = one_step(token_ids, training=False)[:, 0]
        return keras.random.categorical(logits, 1, dtype="int32", seed=seed)

    def write(first, length):
        reset(one_step)
        token_ids, written = tf.fill((batch_size, 1), first), []
        for _ in range(length):
            token_ids = step(token_ids)
            written.append(token_ids)
        return tf.concat(written, axis=1).numpy()

    return write
