"""`CharacterFeatures` against Keras and NumPy, word by word, and padding; `WordDropout`."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.layer_case import CHARACTERS
from support.sequences import assert_all_close, randomize

from zoo.layers import CharacterFeatures, WordDropout
from zoo.layers.characters import KINDS
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID

DIMENSION, UNITS = 3, 2
EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def build(kind, **options):
    layer = CharacterFeatures(9, DIMENSION, UNITS, kind, **options)
    layer.build((None, None, None))
    randomize(layer)
    return layer


def of_words(layer, ids=CHARACTERS):
    """Features by the words alone, {characters: (2 * units,)}."""
    features = np.array(layer(ids)).reshape(-1, 2 * UNITS)
    words = (tuple(word[word > 0]) for word in ids.reshape(-1, ids.shape[-1]))
    return dict(zip(words, features, strict=True))


def test_recurrent_features_are_the_last_states_of_both_directions():
    layer = build("recurrent")
    (both,) = layer.stack.recurrences
    forward = keras.layers.RNN(both.forward_layer.cell)
    backward = keras.layers.RNN(both.backward_layer.cell, go_backwards=True)
    for word, features in of_words(layer).items():
        if word:
            vectors = layer.embedding(np.array([word]))
            expected = np.concatenate([forward(vectors), backward(vectors)], axis=-1)
            np.testing.assert_allclose(features[None], expected, atol=1e-6)


def test_convolutional_features_are_the_greatest_of_each_filter():
    layer = build("convolutional")
    kernel, bias = (np.array(w, "float64") for w in layer.convolution.get_weights())
    vectors = np.array(layer.embedding.embeddings, "float64")
    for word, features in of_words(layer).items():
        if word:
            x = np.pad(vectors[list(word)], ((1, 1), (0, 0)))
            windows = [x[i : i + 3] for i in range(len(word))]
            filters = [np.einsum("wd,wdf->f", window, kernel) + bias for window in windows]
            np.testing.assert_allclose(features, np.max(filters, axis=0), atol=1e-5)


@EACH_KIND
def test_padding_changes_nothing(kind):
    layer = build(kind)
    features = np.array(layer(CHARACTERS))
    more_characters = np.pad(CHARACTERS, ((0, 0), (0, 0), (0, 3)))
    np.testing.assert_allclose(layer(more_characters), features, atol=1e-6)
    more_words = np.array(layer(np.pad(CHARACTERS, ((0, 1), (0, 2), (0, 0)))))
    np.testing.assert_allclose(more_words[:2, :3], features, atol=1e-6)
    assert not more_words[2].any()
    assert not more_words[:, 3:].any()
    for word, expected in of_words(layer).items():
        if word:
            np.testing.assert_allclose(layer(np.array([[word]]))[0, 0], expected, atol=1e-6)


@EACH_KIND
def test_dropout_is_in_training_only(kind):
    layer = build(kind, dropout=0.5)
    assert not np.allclose(layer(CHARACTERS, training=True), layer(CHARACTERS, training=True))
    without = build(kind)
    np.testing.assert_allclose(without(CHARACTERS, training=True), without(CHARACTERS), atol=1e-6)


@EACH_KIND
def test_words_that_occur_again_train_as_if_each_were_read(kind):
    layer, ids = build(kind), np.concatenate([CHARACTERS, CHARACTERS[::-1]], axis=1)
    weighed = np.random.default_rng(0).normal(size=(*ids.shape[:2], 2 * UNITS)).astype("float32")

    def value_and_gradients(training):
        with tf.GradientTape() as tape:
            features = layer(ids, training=training)
            total = tf.reduce_sum(features * weighed)
        variables = layer.trainable_variables
        gradients = map(tf.convert_to_tensor, tape.gradient(total, [v.value for v in variables]))
        return [features, *gradients]

    assert_all_close(value_and_gradients(True), value_and_gradients(False), 1e-5)


def test_words_and_words_only_are_dropped_at_a_rate_in_training():
    ids = np.array([[7, 8, 9, END_ID], [5, END_ID, PADDING_ID, PADDING_ID]] * 500, "int32")
    layer = WordDropout(0.3, seed=1)
    dropped, again = (np.array(layer(ids, training=True)) for _ in range(2))
    words = ids > END_ID
    replaced = dropped[words] == UNKNOWN_ID
    assert abs(replaced.mean() - 0.3) < 4 * (0.3 * 0.7 / replaced.size) ** 0.5
    np.testing.assert_array_equal(dropped[words][~replaced], ids[words][~replaced])
    np.testing.assert_array_equal(dropped[~words], ids[~words])
    assert (dropped != again).any()
    np.testing.assert_array_equal(layer(ids), ids)
