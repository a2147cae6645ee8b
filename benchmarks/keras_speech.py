"""The recogniser of speech with the layers of Keras."""

import keras
import tensorflow as tf


class WithLengths:
    """The zoo's batches with the number of frames as the last label of each row, for the loss."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def dataset(self, epoch):
        def with_lengths(inputs, labels, _):
            return inputs, tf.concat([labels, tf.reduce_sum(inputs["mask"], 1)[:, None]], axis=1)

        return self.batches.dataset(epoch).map(with_lengths).prefetch(2)


class CTC(keras.losses.Loss):
    """`keras.ops.ctc_loss` per label; the last column of the labels is the number of frames."""

    def __init__(self):
        super().__init__(reduction=None)

    def call(self, y_true, y_pred):
        y_true = keras.ops.cast(y_true, "int32")
        labels, frames = y_true[:, :-1], y_true[:, -1]
        lengths = keras.ops.sum(keras.ops.cast(labels > 0, "int32"), axis=1)
        losses = keras.ops.ctc_loss(labels, y_pred, lengths, frames, mask_index=0)
        return keras.ops.sum(losses) / keras.ops.cast(keras.ops.sum(lengths), "float32")


def network(size, symbols, settings):
    """Features to logits: `zoo.networks.transcriber`, as one writes it with Keras.

    Args:
        size: features of a frame.
        symbols: number of symbols, the blank included.
        settings: options of the task.
    """
    layers = keras.layers
    features = keras.Input((None, size), name="features")
    mask = keras.Input((None,), dtype="int32", name="mask")
    counted, x = keras.ops.not_equal(mask, 0), features
    for i in range(settings.layers):
        if i:
            x = layers.Dropout(settings.dropout)(x)
        lstm = layers.LSTM(settings.units, return_sequences=True)
        x = layers.Bidirectional(lstm)(x, mask=counted)
    x = layers.Dense(symbols)(layers.Dropout(settings.dropout)(x))
    return keras.Model({"features": features, "mask": mask}, x)
