"""`RecurrentStack` against the layers of Keras that it is made of."""

import keras
import numpy as np
import pytest
from sequences import BATCH, INPUT_DIM, MASK, TIMESTEPS, assert_all_close, randomize

from zoo.cells import CELLS
from zoo.layers import RecurrentStack

UNITS = 3
WIDTH = {False: UNITS, True: 2 * UNITS}


def sample(input_dim=INPUT_DIM):
    generator = np.random.default_rng(6)
    return generator.normal(size=(BATCH, TIMESTEPS, input_dim)).astype("float32")


def built(input_dim=INPUT_DIM, **options):
    stack = RecurrentStack(units=UNITS, **options)
    stack.build((None, None, input_dim))
    randomize(stack)
    return stack


def of_keras(stack, x, mask):
    """The stack's output by `keras.layers.RNN` and `Bidirectional`, on the same weights."""
    weights = stack.get_weights()
    for _ in range(stack.number_of_layers):
        layer = keras.layers.RNN(CELLS[stack.cell](UNITS), return_sequences=True)
        if stack.bidirectional:
            layer = keras.layers.Bidirectional(layer)
        layer.build(x.shape)
        n = len(layer.weights)
        layer.set_weights(weights[:n])
        weights = weights[n:]
        y = layer(x, mask=mask)
        x = y + x if stack.residual and x.shape[-1] == y.shape[-1] else y
    assert not weights
    return x


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_is_the_layers_of_keras(layers, bidirectional, residual):
    stack = built(cell="gru", layers=layers, bidirectional=bidirectional, residual=residual)
    x = sample()
    for mask in (MASK, None):
        y = stack(x, mask=mask)
        assert y.shape == (BATCH, TIMESTEPS, WIDTH[bidirectional])
        assert_all_close([y], [of_keras(stack, x, mask)], 1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell(cell):
    stack = built(cell=cell, layers=2)
    x = sample()
    assert_all_close([stack(x, mask=MASK)], [of_keras(stack, x, MASK)], 1e-5)


def test_input_is_added_where_it_is_as_wide_as_the_output():
    wide = sample(input_dim=UNITS)
    options = {"cell": "rnn", "bidirectional": False}
    plain = built(input_dim=UNITS, **options)
    residual = built(input_dim=UNITS, residual=True, **options)
    assert_all_close([residual(wide)], [plain(wide) + wide], 1e-6)
    # The first layer cannot add two inputs to three outputs; the second can add the first's.
    narrow = sample()
    first, both = built(**options), built(layers=2, residual=True, **options)
    second = built(input_dim=UNITS, **options)
    first.set_weights(both.get_weights()[: len(first.weights)])
    second.set_weights(both.get_weights()[len(first.weights) :])
    assert_all_close([both(narrow)], [second(first(narrow)) + first(narrow)], 1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_no_row(bidirectional):
    stack = built(cell="lstm", layers=2, bidirectional=bidirectional, residual=True)
    x = sample()
    lengths = [5, 1, 3, 4, 2, 5]
    mask = np.arange(TIMESTEPS) < np.array(lengths)[:, None]
    together = np.array(stack(x, mask=mask))
    for row, length in enumerate(lengths):
        alone = stack(x[row : row + 1, :length])
        assert_all_close([together[row : row + 1, :length]], [alone], 1e-5)


def test_dropout_is_between_layers_and_in_training_only():
    x = sample()
    one, two = built(layers=1, dropout=0.5), built(layers=2, dropout=0.5)
    assert_all_close([one(x, training=True)], [one(x)], 1e-6)
    undropped = built(layers=2)
    undropped.set_weights(two.get_weights())
    assert_all_close([two(x)], [undropped(x)], 0)
    draws = [np.array(two(x, training=True)) for _ in range(2)]
    assert not np.allclose(draws[0], two(x))
    assert not np.allclose(draws[0], draws[1])


def test_options_reach_the_cells():
    stack = built(cell="peephole_lstm", cell_options={"peephole": "diagonal"})
    kernels = [weight for weight in stack.weights if weight.name == "peephole_kernel"]
    assert [kernel.shape for kernel in kernels] == [(3 * UNITS,)] * 2  # one a direction


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float64"])
def test_precision_is_kept_where_it_is_not_the_global_one(policy):
    x = sample()
    stack = built(layers=2, dtype=policy)
    again = RecurrentStack.from_config(stack.get_config())
    again.build(x.shape)
    again.set_weights(stack.get_weights())
    compute_dtype = keras.DTypePolicy(policy).compute_dtype
    for each in (stack, again):
        inner = each._flatten_layers(include_self=False)
        assert {layer.compute_dtype for layer in inner} == {compute_dtype}
        assert each(x, mask=MASK).dtype == compute_dtype
    np.testing.assert_array_equal(stack(x, mask=MASK), again(x, mask=MASK))


def test_configuration_round_trip():
    stack = built(
        cell="gru",
        layers=2,
        bidirectional=False,
        dropout=0.25,
        residual=True,
        cell_options={"use_bias": False},
        name="memory",
    )
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(stack))
    assert type(again) is RecurrentStack
    assert again.get_config() == stack.get_config()
    again.build((None, None, INPUT_DIM))
    again.set_weights(stack.get_weights())
    assert_all_close([again(sample())], [stack(sample())], 0)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_shape_is_known_before_any_input(bidirectional):
    stack = RecurrentStack(units=UNITS, layers=2, bidirectional=bidirectional)
    assert stack(keras.Input((None, INPUT_DIM))).shape == (None, None, WIDTH[bidirectional])


@pytest.mark.parametrize(
    ("wrong", "message"), [({"cell": "elman"}, "one of rnn, "), ({"layers": 0}, "at least 1")]
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        RecurrentStack(**wrong)
