"""The classifiers of DNA and of video with the layers of Keras."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from zoo.genomics.alphabet import ONE_HOT


class OneHotLabels:
    """The zoo's batches, of sequences of one length: without a mask, and with one-hot labels.

    Only `keras.losses.CategoricalCrossentropy` can smooth labels.
    """

    def __init__(self, batches, classes):
        self.batches, self.classes = batches, classes

    def __len__(self):
        return len(self.batches)

    def dataset(self, epoch):
        def as_read(inputs, labels):
            inputs = inputs["clip"] if isinstance(inputs, dict) else inputs
            return inputs, tf.one_hot(labels, self.classes)

        return self.batches.dataset(epoch).map(as_read).prefetch(2)

    def as_numpy(self):
        """The batches of the first epoch as dicts of arrays."""
        for inputs, labels in self.dataset(0).as_numpy_iterator():
            yield {"inputs": inputs, "labels": labels.argmax(axis=-1)}


def dna_classifier(settings, shape, classes):
    """Ids to logits: the network of `tasks.dna`, as one writes it with Keras.

    Args:
        settings: options of the task.
        shape: of a sequence, (timesteps,).
        classes: number of classes.
    """
    ids = keras.Input(shape, dtype="int32")
    x = layers.Embedding(*ONE_HOT.shape, weights=[ONE_HOT], trainable=False)(ids)
    x = layers.Conv1D(settings.filters, settings.convolution, padding="same", activation="relu")(x)
    x = layers.SpatialDropout1D(settings.input_dropout)(x)
    x = layers.Bidirectional(layers.LSTM(settings.units, return_sequences=True))(x)
    x = layers.Dropout(settings.dropout)(x[:, shape[0] // 2])
    return keras.Model(ids, layers.Dense(classes)(x))


def video_classifier(settings, shape, classes):
    """Clips to logits: the network of `tasks.video`; the frames of a batch are read together.

    `TimeDistributed` would make a network for each moment, which takes longer. Where the number of
    moments is not known, Keras 3.15.1 reads only as many of them as there are clips in a batch.

    Args:
        settings: options of the task.
        shape: of a clip, (timesteps, height, width, channels).
        classes: number of classes.
    """
    clip = keras.Input(shape, dtype="uint8")
    x = layers.Rescaling(1 / 255)(clip)
    light = keras.ops.mean(x, axis=-1, keepdims=True)
    changes = keras.ops.pad(light[:, 1:] - light[:, :-1], [[0, 0], [1, 0], *[[0, 0]] * 3])
    x = keras.ops.concatenate([x, changes], axis=-1)
    x = keras.ops.reshape(x, (-1, *x.shape[2:]))
    for filters in map(int, settings.filters.split(",")):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(settings.width)(layers.Flatten()(x))
    x = layers.ReLU()(layers.LayerNormalization()(x))
    x = keras.ops.reshape(x, (-1, shape[0], settings.width))
    x = layers.Conv1D(settings.width, settings.convolution, padding="same", activation="relu")(x)
    x = layers.Bidirectional(layers.LSTM(settings.units, return_sequences=True))(x)
    x = layers.concatenate([layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)])
    return keras.Model(clip, layers.Dense(classes)(layers.Dropout(settings.dropout)(x)))


def set_zoo_weights(model, weights):
    """Takes over weights as `benchmarks.classification.weights_of` gives them."""
    given = iter(weights)
    for layer in model.layers:
        if layer.trainable_variables:
            for variable, array in zip(layer.trainable_variables, next(given), strict=True):
                variable.assign(array)


def probabilities(model, inputs, batch_size):
    """Of arrays in memory, (examples, classes) float32."""
    parts = range(0, len(inputs), batch_size)
    logits = [model.predict_on_batch(inputs[start : start + batch_size]) for start in parts]
    return keras.ops.softmax(np.concatenate(logits)).numpy()
