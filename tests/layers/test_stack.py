"""`RecurrentStack` against the layers of Keras that it is made of."""

import keras
import numpy as np
import pytest
from support.sequences import BATCH, INPUT_DIM, MASK, TIMESTEPS, assert_all_close, randomize

from zoo.cells import CELLS
from zoo.layers import RecurrentStack

UNITS = 3


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


@pytest.mark.parametrize(
    ("cell", "layers", "bidirectional", "residual", "width"),
    [
        ("gru", 1, False, True, UNITS),  # the first layer adds an input as wide as its output
        ("gru", 2, True, True, INPUT_DIM),
        ("gru", 3, False, True, INPUT_DIM),
        *((cell, 2, True, False, INPUT_DIM) for cell in CELLS),
    ],
)
def test_is_the_layers_of_keras(cell, layers, bidirectional, residual, width):
    options = {"cell": cell, "layers": layers, "bidirectional": bidirectional}
    stack, x = built(width, residual=residual, **options), sample(width)
    for mask in (MASK, None):
        assert_all_close([stack(x, mask=mask)], [of_keras(stack, x, mask)], 1e-5)
    assert stack.can_project != residual
    if stack.can_project:
        projected = [np.swapaxes(one, 0, 1) for one in stack.project(x)]
        assert_all_close([stack.read_projected(projected, MASK.T)], [stack(x, mask=MASK)], 1e-6)


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_is_between_layers_and_in_training_only(variational):
    """Variational, it has one mask for all steps."""
    options, x = {"dropout": 0.5, "variational": variational}, sample()
    one, two = (built(layers=layers, **options) for layers in (1, 2))
    assert_all_close([one(x, training=True)], [one(x)], 1e-6)
    assert_all_close([two(x)], [built(layers=2)(x)], 1e-6)
    draws = [np.array(two(x, training=True)) for _ in range(2)]
    assert not np.allclose(draws[0], two(x))
    assert not np.allclose(*draws)
    (dropout,) = two.dropouts
    kept = np.array(dropout(np.ones((4, 20, 8), "float32"), training=True)) > 0
    assert (kept == kept[:, :1]).all() == variational
    assert 0 < kept[:, 0].mean() < 1


def random_states(stack, seed=8):
    generator = np.random.default_rng(seed)
    sizes = stack.state_sizes
    return [generator.normal(size=(BATCH, size)).astype("float32") for size in sizes]


@pytest.mark.parametrize("cell", CELLS)
def test_states_carry_a_sequence_over_its_pieces_and_steps(cell):
    options = {"cell": cell, "layers": 2, "bidirectional": False, "residual": True}
    stack = built(**options, return_state=True)
    x, initial = sample(), random_states(stack)
    whole, final = stack(x, initial_state=initial, mask=MASK)
    first, states = stack(x[:, :2], initial_state=initial, mask=MASK[:, :2])
    second, states = stack(x[:, 2:], initial_state=states, mask=MASK[:, 2:])
    shown = np.cumsum(MASK[:, 2:], axis=1) > 0  # a piece is 0 before its first step that counts
    assert_all_close(
        [first, second * shown[..., None]], [whole[:, :2], whole[:, 2:] * shown[..., None]], 1e-5
    )
    assert_all_close(states, final, 1e-5)
    assert_all_close([state[5] for state in final], [state[5] for state in initial], 0)

    states, steps = initial, []
    for t in range(x.shape[1]):
        y, states = stack.step(x[:, t], states)
        steps.append(y)
    assert_all_close([np.stack(steps, axis=1)], [stack(x, initial_state=initial)[0]], 1e-5)

    plain = built(**options)
    assert_all_close([plain(x, mask=MASK)], [stack(x, mask=MASK)[0]], 1e-6)
    zeros = [np.zeros_like(state) for state in initial]
    assert_all_close([plain(x, initial_state=zeros)], [plain(x)], 1e-6)
    assert not np.allclose(plain(x, initial_state=initial), plain(x))


def test_states_need_one_direction():
    with pytest.raises(ValueError, match=r"return_state.*backwards"):
        RecurrentStack(return_state=True)
    both = built()
    with pytest.raises(ValueError, match="backwards"):
        both(sample(), initial_state=[np.zeros((BATCH, UNITS), "float32")] * 4)
    with pytest.raises(ValueError, match="backwards"):
        both.step(sample()[:, 0], [])
    one = built(bidirectional=False)
    with pytest.raises(ValueError, match=r"2 states are needed.*3"):
        one.step(sample()[:, 0], [np.zeros((BATCH, UNITS), "float32")] * 3)


def test_options_reach_the_cells_and_older_configurations_are_read():
    stack = built(cell="peephole_lstm", cell_options={"peephole": "diagonal"})
    config = stack.get_config()
    without = {k: v for k, v in config.items() if k not in ("variational", "return_state")}
    assert RecurrentStack.from_config(without).get_config() == config
    kernels = [weight for weight in stack.weights if weight.name == "peephole_kernel"]
    assert [kernel.shape for kernel in kernels] == [(3 * UNITS,)] * 2  # one a direction
