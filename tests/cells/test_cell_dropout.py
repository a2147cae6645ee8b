"""The dropout of a cell's inputs, in the layers of Keras and of the zoo."""

import keras
import numpy as np
import pytest
from support.sequences import BATCH, assert_all_close, build_cell, randomize, sample

from zoo.layers import Recurrence

LAYERS = pytest.mark.parametrize("layer_class", [keras.layers.RNN, Recurrence])


class TestDropout:
    """One mask of the inputs per sequence, the same in every step."""

    RATE = 0.4

    def layer(self, layer_class, **options):
        # The output of every step is the dropped input itself: h<t> = x<t>.
        cell = build_cell(
            "rnn",
            units=200,
            input_dim=200,
            activation="linear",
            use_bias=False,
            dropout=self.RATE,
            **options,
        )
        cell.kernel.assign(np.eye(200))
        cell.recurrent_kernel.assign(np.zeros((200, 200)))
        return layer_class(cell, return_sequences=True)

    @LAYERS
    def test_masks_in_training(self, layer_class):
        layer = self.layer(layer_class)
        x = np.ones((BATCH, 5, 200), "float32")
        dropped = np.array(layer(x, training=True))

        np.testing.assert_array_equal(dropped, np.repeat(dropped[:, :1], 5, axis=1))
        kept = 1 / (1 - self.RATE)
        np.testing.assert_allclose(np.unique(dropped), [0, kept], rtol=1e-6)
        # 1200 draws: a fraction within five standard deviations.
        deviation = np.sqrt(self.RATE * (1 - self.RATE) / (BATCH * 200))
        assert abs(np.mean(dropped[:, 0] == 0) - self.RATE) < 5 * deviation
        assert np.any(dropped[0, 0] != dropped[1, 0])  # each sequence draws its own
        assert np.any(dropped != np.array(layer(x, training=True)))  # and each call
        np.testing.assert_array_equal(layer(x), x)  # in inference there is none

    def test_seed(self):
        x = np.ones((BATCH, 5, 200), "float32")
        layers = [self.layer(c, seed=8) for c in (keras.layers.RNN, keras.layers.RNN, Recurrence)]
        first, *others = (np.array(layer(x, training=True)) for layer in layers)
        for other in others:
            np.testing.assert_array_equal(other, first)


@pytest.mark.parametrize("variant", ["gru", "lstm"])
def test_dropout_and_gradients_agree_with_keras(variant):
    """The written-out gradient sees the same dropped inputs."""
    gradients = []
    for layer_class in (keras.layers.RNN, Recurrence):
        model = keras.Sequential(
            [layer_class(build_cell(variant, dropout=0.5, seed=2)), keras.layers.Dense(1)]
        )
        model.compile(keras.optimizers.SGD(1.0), "mse")
        x, _ = sample(build_cell(variant), dtype="float32")
        model.build(x.shape)
        randomize(model.layers[1])
        model.train_on_batch(x, np.ones((len(x), 1)))
        gradients.append(model.get_weights())
    assert_all_close(gradients[0], gradients[1], 1e-5)
