"""Cells in what Keras builds around a cell: RNN, StackedRNNCells, Bidirectional, saved models."""

from pathlib import Path

import keras
import numpy as np
import pytest
from support.processes import run_script
from support.reference import Equations
from support.sequences import (
    BATCH,
    INPUT_DIM,
    MASK,
    UNITS,
    VARIANTS,
    arrays,
    assert_all_close,
    build_cell,
    randomize,
    sample,
)

from zoo.layers import Recurrence

LAYERS = pytest.mark.parametrize("layer_class", [keras.layers.RNN, Recurrence])


@LAYERS
@pytest.mark.parametrize("variant", VARIANTS)
def test_stacked_cells_feed_each_other(variant, layer_class):
    cells = [build_cell(variant), build_cell(variant, units=4, input_dim=UNITS)]
    x, _ = sample(cells[0], dtype="float32")
    stacked = keras.layers.StackedRNNCells(cells)
    layer = layer_class(stacked, return_sequences=True, return_state=True)
    outputs, *states = layer(x)

    first, *first_states = Equations(cells[0], arrays(cells[0])).over_time(x)
    expected, *second_states = Equations(cells[1], arrays(cells[1])).over_time(first)
    assert_all_close([outputs], [expected], 1e-5)
    flat = [np.array(s) for s in keras.tree.flatten(states)]
    assert_all_close(flat, [*first_states, *second_states], 1e-5)


@LAYERS
@pytest.mark.parametrize("variant", VARIANTS)
def test_bidirectional_reads_both_ways(variant, layer_class):
    layer = keras.layers.Bidirectional(layer_class(build_cell(variant), return_sequences=True))
    x, _ = sample(build_cell(variant), dtype="float32")
    layer.build(x.shape)
    randomize(layer)
    forward, backward = layer.forward_layer.cell, layer.backward_layer.cell

    rightwards = Equations(forward, arrays(forward)).over_time(x)[0]
    leftwards = Equations(backward, arrays(backward)).over_time(x[:, ::-1])[0][:, ::-1]
    assert_all_close([layer(x)], [np.concatenate([rightwards, leftwards], axis=-1)], 1e-5)
    assert np.max(np.abs(forward.kernel - backward.kernel)) > 0.1


@LAYERS
@pytest.mark.parametrize("variant", VARIANTS)
def test_stateful_batches_are_one_long_sequence(variant, layer_class):
    cell = build_cell(variant)
    x, _ = sample(cell, dtype="float32")
    layer = layer_class(cell, return_sequences=True, stateful=True)
    layer.build(x.shape)
    expected = Equations(cell, arrays(cell)).over_time(x)[0]

    pieces = [layer(x[:, :2]), layer(x[:, 2:])]

    assert_all_close([np.concatenate(pieces, axis=1)], [expected], 1e-5)
    layer.reset_state()
    assert_all_close([layer(x)], [expected], 1e-5)


@LAYERS
@pytest.mark.parametrize("variant", VARIANTS)
def test_states_handed_over_are_one_long_sequence(variant, layer_class):
    cell = build_cell(variant)
    x, _ = sample(cell, dtype="float32")
    layer = layer_class(cell, return_sequences=True, return_state=True)
    first, *states = layer(x[:, :2], mask=MASK[:, :2])
    second, *states = layer(x[:, 2:], initial_state=states)
    mask = np.concatenate([MASK[:, :2], np.ones_like(MASK[:, 2:])], axis=1)
    expected = Equations(cell, arrays(cell)).over_time(x, mask=mask)
    assert_all_close([np.concatenate([first, second], axis=1), *states], expected, 1e-5)


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

    @LAYERS
    def test_no_mask_in_inference(self, layer_class):
        x = np.ones((BATCH, 5, 200), "float32")
        np.testing.assert_array_equal(self.layer(layer_class)(x), x)

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


def saved_network():
    """Every variant in `RNN` or in `Recurrence`, with masks and options, and a stack of cells."""
    inputs = keras.Input((None, INPUT_DIM))
    masked = keras.layers.Masking(mask_value=9.0)(inputs)
    outputs = []
    for variant in VARIANTS:
        options = {"kernel_regularizer": "l2", "dropout": 0.3, "use_bias": variant != "gru"}
        layer_class = keras.layers.RNN if "lstm" in variant else Recurrence
        outputs.append(layer_class(build_cell(variant, **options))(masked))
    stacked = keras.layers.StackedRNNCells([build_cell("lstm"), build_cell("gru", input_dim=UNITS)])
    outputs.append(Recurrence(stacked, go_backwards=True)(masked))
    return keras.Model(inputs, outputs)


def test_saved_model_loads_in_a_fresh_process(tmp_path):
    model = saved_network()
    randomize(model)
    x = np.where(MASK[..., None], sample(build_cell("rnn"))[0], 9.0).astype("float32")
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "inputs.npy", x)

    run_script(Path(__file__).parents[1] / "support" / "load_saved.py", tmp_path)

    with np.load(tmp_path / "outputs.npz") as outputs:
        assert_all_close(list(outputs.values()), [np.array(y) for y in model(x)], 1e-6)
