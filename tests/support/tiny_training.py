"""A corpus, batches and a network small enough to train in a second."""

import functools

import keras
import numpy as np
import tensorflow as tf

from zoo.training import ClippedAdam, SequenceCrossentropy

CLASSES = 5
EXAMPLES = 22


def corpus(examples=EXAMPLES, timesteps=7):
    """Tokens, targets (the token before), and a mask of unequal lengths."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(2, timesteps + 1, size=examples)
    mask = np.arange(timesteps) < lengths[:, None]
    tokens = generator.integers(0, CLASSES, size=(examples, timesteps))
    targets = np.roll(tokens, 1, axis=1) * mask
    return tokens.astype("int32"), targets.astype("int32"), mask.astype("float32")


class Batches:
    """The protocol of `fit`: the order of the examples depends on the epoch and a seed alone."""

    def __init__(self, batch_size=4, seed=0):
        self.data = corpus()
        self.batch_size = batch_size
        self.seed = seed

    def __len__(self):
        return -(-EXAMPLES // self.batch_size)

    def dataset(self, epoch):
        order = np.random.default_rng((self.seed, epoch)).permutation(EXAMPLES)
        data = tuple(array[order] for array in self.data)
        return tf.data.Dataset.from_tensor_slices(data).batch(self.batch_size)


def validation():
    return tf.data.Dataset.from_tensor_slices(corpus(6)).batch(3)


def network(recurrent=False, units=4, dropout=0.3, loss=None, optimizer=None, **arguments):
    """Embedding, dropout, logits; between them two nested recurrent cells with dropout.

    Without recurrence it compiles in a fraction of the time.
    """
    keras.utils.set_random_seed(1)
    tokens = keras.Input((None,), dtype="int32")
    hidden = keras.layers.Embedding(CLASSES, units)(tokens)
    if recurrent:
        lower = keras.layers.LSTMCell(units, dropout=dropout)
        upper = keras.layers.GRUCell(units, recurrent_dropout=dropout)
        cell = keras.layers.StackedRNNCells([lower, upper])
        hidden = keras.layers.RNN(cell, return_sequences=True)(hidden)
    hidden = keras.layers.Dropout(dropout)(hidden)
    model = keras.Model(tokens, keras.layers.Dense(CLASSES)(hidden))
    model.compile(
        optimizer or ClippedAdam(0.01, clip_norm=0.5), loss or SequenceCrossentropy(), **arguments
    )
    return model


@functools.cache
def _of_all_tests():
    model = network()
    model.optimizer.build(model.trainable_variables)
    return model, [np.array(v) for v in (*model.variables, *model.optimizer.variables)]


def fresh():
    """The default network as it was at first, the one object for all tests: it is traced once."""
    model, values = _of_all_tests()
    for variable, value in zip((*model.variables, *model.optimizer.variables), values, strict=True):
        variable.assign(value)
    return model
