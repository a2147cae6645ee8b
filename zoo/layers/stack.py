"""Deep and bidirectional recurrence."""

import keras

from zoo.cells import CELLS
from zoo.layers.recurrence import Recurrence


@keras.saving.register_keras_serializable(package="zoo")
class RecurrentStack(keras.layers.Layer):
    """Layers of recurrence on top of each other, in one direction or in both.

    Each layer reads the sequence that the one below returned. With two directions a layer's output
    is [a→<t>, a←<t>]: the states that have seen everything up to t, and everything from t on. The
    two loops do not depend on each other and run side by side.

    Args:
        cell: name of a cell in `zoo.cells.CELLS`.
        units: units per direction.
        layers: number of layers.
        bidirectional: whether a layer runs in both directions.
        dropout: fraction of values set to 0 between layers in training.
        residual: whether a layer's input is added to its output where the two have equal width
            (always so from the second layer on).
        cell_options: more arguments of the cell, a dict.

    Call arguments:
        sequences: (batch, timesteps, input_dim).
        mask: (batch, timesteps), boolean, or None.

    Returns:
        (batch, timesteps, units), or (batch, timesteps, 2 * units) with two directions.

    Raises:
        ValueError: if there is no such cell, or `layers` is below 1.
    """

    def __init__(
        self,
        cell="lstm",
        units=64,
        layers=1,
        bidirectional=True,
        dropout=0.0,
        residual=False,
        cell_options=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if cell not in CELLS:
            raise ValueError(f"`cell` must be one of {', '.join(CELLS)}. Received: {cell!r}")
        if layers < 1:
            raise ValueError(f"`layers` must be at least 1. Received: {layers!r}")
        self.supports_masking = True
        self.cell = cell
        self.units = units
        self.number_of_layers = layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.residual = residual
        self.cell_options = dict(cell_options or {})
        self.recurrences = [self._recurrence(i) for i in range(layers)]
        self.dropouts = [
            keras.layers.Dropout(dropout, dtype=self.dtype_policy) for _ in range(layers - 1)
        ]

    def _recurrence(self, index):
        # The policy is handed down: a model trained in mixed precision is loaded where it is not
        # the global one.
        dtype = self.dtype_policy
        cell = CELLS[self.cell](self.units, **({"dtype": dtype} | self.cell_options))
        name = f"recurrence_{index}"
        recurrence = Recurrence(cell, return_sequences=True, name=name, dtype=dtype)
        if not self.bidirectional:
            return recurrence
        name = f"bidirectional_{index}"
        both = keras.layers.Bidirectional(recurrence, name=name, dtype=dtype)
        both.forward_layer.halves = both.backward_layer.halves = False
        return both

    @property
    def output_width(self):
        """Size of the last axis of the output."""
        return self.units * (2 if self.bidirectional else 1)

    def build(self, sequences_shape):
        shape = tuple(sequences_shape)
        for recurrence in self.recurrences:
            recurrence.build(shape)
            shape = (*shape[:-1], self.output_width)

    def call(self, sequences, mask=None, training=False):
        for i, recurrence in enumerate(self.recurrences):
            below = sequences
            if i > 0:
                sequences = self.dropouts[i - 1](sequences, training=training)
            sequences = recurrence(sequences, mask=mask, training=training)
            if self.residual and below.shape[-1] == self.output_width:
                sequences = sequences + below
        return sequences

    def compute_output_shape(self, sequences_shape):
        return (*sequences_shape[:-1], self.output_width)

    def get_config(self):
        config = super().get_config()
        config |= {
            "cell": self.cell,
            "units": self.units,
            "layers": self.number_of_layers,
            "bidirectional": self.bidirectional,
            "dropout": self.dropout,
            "residual": self.residual,
            "cell_options": self.cell_options,
        }
        return config
