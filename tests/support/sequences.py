"""The cells under test in all their variants, and small sequences to run them on."""

import numpy as np

from zoo.cells import CELLS, GRUCell, LSTMCell, PeepholeLSTMCell

VARIANTS = {name: (cell_class, {}) for name, cell_class in CELLS.items()} | {
    "lstm_without_output_activation": (LSTMCell, {"output_activation": None}),
    "diagonal_peephole_lstm": (PeepholeLSTMCell, {"peephole": "diagonal"}),
    "normalized_gru": (GRUCell, {"layer_norm": True}),
    "zoneout_lstm": (LSTMCell, {"zoneout": [0.05, 0.5]}),
}

UNITS = 3
INPUT_DIM = 2
BATCH = 6
TIMESTEPS = 5

# Every way to mask a sequence, one a row.
MASK = np.array(
    [
        [1, 1, 1, 1, 1],
        [1, 1, 1, 0, 0],  # right
        [0, 0, 1, 1, 1],  # left
        [1, 0, 1, 0, 1],  # interior
        [0, 1, 0, 1, 0],
        [0, 0, 0, 0, 0],
    ],
    bool,
)


def build_cell(variant, units=UNITS, input_dim=INPUT_DIM, **options):
    """A cell of a variant with random weights, biases included."""
    cell_class, defaults = VARIANTS[variant]
    cell = cell_class(units, **(defaults | options))
    cell.build((None, input_dim))
    cell.built = True
    randomize(cell)
    return cell


def randomize(layer, seed=5, scale=0.7):
    """Gives every weight entries around `scale`: gates that are neither open nor shut."""
    generator = np.random.default_rng(seed)
    for weight in layer.trainable_variables:
        weight.assign(scale * generator.normal(size=weight.shape))


def sample(cell, batch=BATCH, timesteps=TIMESTEPS, input_dim=INPUT_DIM, dtype="float64"):
    """Random inputs (batch, timesteps, input_dim) and initial states for a cell."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=(batch, timesteps, input_dim)).astype(dtype)
    number = len(cell.state_size) if isinstance(cell.state_size, list) else 1
    states = [generator.normal(size=(batch, cell.units)).astype(dtype) for _ in range(number)]
    return x, states


def assert_all_close(actual, expected, tolerance):
    """Lists of arrays that agree to an absolute and relative tolerance."""
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance, rtol=tolerance)
