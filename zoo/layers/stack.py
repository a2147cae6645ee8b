"""Deep and bidirectional recurrence."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.cells import CELLS, RecurrentCell
from zoo.cells.typing import Shape, Tensor, Tensors
from zoo.layers import engines
from zoo.layers.bidirectional import Bidirectional
from zoo.layers.recurrence import Recurrence, time_major

_MOST_LAYERS = 1000  # none is made of a larger number in a damaged file


@keras.saving.register_keras_serializable(package="zoo")
class RecurrentStack(keras.layers.Layer):
    """Layers of recurrence on top of each other, in one direction or in both.

    Each layer reads the sequence that the one below returned. With two directions a layer's output
    is [a→<t>, a←<t>]: the states that have seen everything up to t, and everything from t on. The
    two loops do not depend on each other and run side by side.

    With one direction the states can be handed in and out, so that one call goes on where another
    ended, and `step` takes a single step without a loop. A list of states holds those of the first
    layer, in the order of the cell's `state_size`, then those of the second, and so on.

    Args:
        cell: name of a cell in `zoo.cells.CELLS`.
        units: units per direction.
        layers: number of layers.
        bidirectional: whether a layer runs in both directions.
        dropout: fraction of values set to 0 between layers in training.
        residual: whether a layer's input is added to its output where the two have equal width
            (always so from the second layer on).
        cell_options: more arguments of the cell, a dict.
        variational: whether the dropout between layers draws one mask for all steps of a sequence
            (Gal & Ghahramani 2016) instead of one for each step.
        return_state: whether the final states are returned too; one direction only.

    Call arguments:
        sequences: (batch, timesteps, input_dim).
        initial_state: list of (batch, size), one for each of `state_sizes`, or None for zeros; one
            direction only.
        mask: (batch, timesteps), boolean, or None; no state changes where it is False.

    Returns:
        (batch, timesteps, units), or (batch, timesteps, 2 * units) with two directions; with
        `return_state` that and the list of final states.

    Raises:
        ValueError: if there is no such cell, `layers` is below 1 or above 1000, or states are asked
            for or given with two directions: one that runs backwards cannot be carried on.
    """

    def __init__(
        self,
        cell: str = "lstm",
        units: int = 64,
        layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
        residual: bool = False,
        cell_options: dict[str, Any] | None = None,
        variational: bool = False,
        return_state: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if cell not in CELLS:
            raise ValueError(f"`cell` must be one of {', '.join(CELLS)}. Received: {cell!r}")
        if not 1 <= layers <= _MOST_LAYERS:
            raise ValueError(
                f"`layers` must be at least 1, and at most {_MOST_LAYERS}. Received: {layers!r}"
            )
        self.supports_masking = True
        self.cell = cell
        self.units = units
        self.number_of_layers = layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.residual = residual
        self.cell_options = dict(cell_options or {})
        self.variational = variational
        self.return_state = return_state
        if return_state:
            self._require_one_direction("`return_state`")
        self.recurrences = [self._recurrence(i) for i in range(layers)]
        dropout_class = keras.layers.SpatialDropout1D if variational else keras.layers.Dropout
        self.dropouts = [dropout_class(dropout, dtype=self.dtype_policy) for _ in range(layers - 1)]

    def _recurrence(self, index: int) -> Recurrence | Bidirectional:
        # The policy is handed down: a model trained in mixed precision is loaded where it is not
        # the global one.
        dtype = self.dtype_policy
        cell = CELLS[self.cell](self.units, **({"dtype": dtype} | self.cell_options))
        options = {"return_sequences": True, "return_state": self.return_state, "dtype": dtype}
        recurrence = Recurrence(cell, **options, name=f"recurrence_{index}")
        if not self.bidirectional:
            return recurrence
        return Bidirectional(recurrence, name=f"bidirectional_{index}", dtype=dtype)

    def directions(self) -> list[Recurrence]:
        """The `Recurrence` of every layer and direction."""
        if not self.bidirectional:
            return list(self.recurrences)
        return [one for both in self.recurrences for one in both.directions()]

    @property
    def output_width(self) -> int:
        """Size of the last axis of the output."""
        return self.units * (2 if self.bidirectional else 1)

    @property
    def state_sizes(self) -> list[int]:
        """Size of each state: of the first layer in the order of its cell, then of the second."""
        self._require_one_direction("`state_sizes`")
        return [size for recurrence in self.recurrences for size in recurrence.state_size]

    def build(self, sequences_shape: Shape) -> None:
        shape = tuple(sequences_shape)
        for recurrence in self.recurrences:
            recurrence.build(shape)
            shape = (*shape[:-1], self.output_width)

    def call(
        self,
        sequences: Tensor,
        initial_state: Tensors | None = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        states: list[Tensors | None] = [None] * self.number_of_layers
        if initial_state is not None:
            states = list(self._by_layer(initial_state))
        final_states = []
        for i, recurrence in enumerate(self.recurrences):
            below = sequences
            if i > 0:
                sequences = self.dropouts[i - 1](sequences, training=training)
            sequences = recurrence(sequences, initial_state=states[i], mask=mask, training=training)
            if self.return_state:
                sequences, *final = sequences
                final_states += final
            sequences = self._with_residual(sequences, below)
        return (sequences, final_states) if self.return_state else sequences

    @property
    def can_project(self) -> bool:
        """Whether `project` and `read_projected` do, in inference, what a call does."""
        policy = self.dtype_policy
        return (
            all(
                direction.is_written_out and engines.engine_of(direction) in ("loop", "native")
                for direction in self._first_layer()
            )
            and not self.return_state
            and not self.residual  # of the inputs, which are not at hand any more
            and policy.compute_dtype == policy.variable_dtype  # else only a call casts weights
        )

    def project(self, inputs: Tensor) -> list[Tensor]:
        """What each direction of the first layer makes of inputs before it takes a step.

        Of inputs that occur again and again it need be done once. From (..., input_dim) to a list
        of one or two (..., G * units).
        """
        return [cell.project(inputs) for cell in self.first_cells()]

    def first_cells(self) -> list[RecurrentCell]:
        """The cell of each direction of the first layer."""
        return [direction.cell for direction in self._first_layer()]

    def read_projected(self, projected: Tensors, mask: Tensor) -> Tensor:
        """A call in inference, from what `project` gave.

        Args:
            projected: one or two (timesteps, batch, G * units), time-major.
            mask: (timesteps, batch), boolean.

        Returns:
            (batch, timesteps, units or 2 * units).
        """
        batch = ops.shape(mask)[1]
        outputs = []
        for direction, x in zip(self._first_layer(), projected, strict=True):
            initial = direction.cell.get_initial_state(batch)
            if engines.engine_of(direction) == "native":
                options = {"side_by_side": len(projected), "time_major": True, "projected": True}
                outputs.append(direction.by_operation(x, initial, mask, False, **options)[0])
            else:
                outputs.append(
                    direction.over_time(x, initial, mask[..., None], False, projected=True)[0]
                )
        sequences, mask = time_major(ops.concatenate(outputs, axis=-1)), ops.transpose(mask)
        for recurrence in self.recurrences[1:]:
            # Not by `__call__`, which would attach the mask: what comes next takes none.
            sequences = recurrence.call(sequences, mask=mask, training=False)
        return sequences

    def _first_layer(self) -> list[Recurrence]:
        return self.directions()[: 1 + self.bidirectional]

    def step_weights(self) -> list[Tensors]:
        """The recurrent weights of each layer as `step` uses them, to be cut once for many steps.

        They are computed where this is called: before a loop, not in it.
        """
        return [
            tuple(ops.cast(w, self.compute_dtype) for w in recurrence.cell.recurrent_weights())
            for recurrence in self.recurrences
        ]

    def step(
        self,
        x: Tensor,
        states: Tensors,
        weights: Sequence[Tensors] | None = None,
        projected: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """One step in time through all layers, without dropout.

        Args:
            x: (batch, input_dim).
            states: list of (batch, size), one for each of `state_sizes`.
            weights: what `step_weights` returned, or None.
            projected: what the first layer's cell makes of x by its `project`, if it is known.

        Returns:
            The output, (batch, units), and the list of new states.

        Raises:
            ValueError: with two directions, or another number of states.
        """
        x = ops.cast(x, self.compute_dtype)
        new_states = []
        cut: Sequence[Any] = weights or [None] * self.number_of_layers
        layers = zip(self.recurrences, self._by_layer(states), cut, strict=True)
        for i, (recurrence, own, weights_of_layer) in enumerate(layers):
            below = x
            if i == 0 and projected is not None:
                x, own = recurrence.cell.step(projected, own, weights=weights_of_layer)
            else:
                x, own = recurrence.cell(x, own, training=False, weights=weights_of_layer)
            new_states += own
            x = self._with_residual(x, below)
        return x, new_states

    def _by_layer(self, states: Tensors) -> list[Tensors]:
        """A list of all states as one list for each layer."""
        states, sizes = list(states), self.state_sizes
        if len(states) != len(sizes):
            raise ValueError(f"{len(sizes)} states are needed. Received: {len(states)}")
        number = len(sizes) // self.number_of_layers
        return [states[i : i + number] for i in range(0, len(sizes), number)]

    def _with_residual(self, sequences: Tensor, below: Tensor) -> Tensor:
        if self.residual and below.shape[-1] == self.output_width:
            return sequences + below
        return sequences

    def _require_one_direction(self, what: str) -> None:
        if self.bidirectional:
            raise ValueError(
                f"{what} needs `bidirectional=False`: the state of a direction that runs backwards "
                "in time cannot be carried on"
            )

    def compute_output_shape(self, sequences_shape: Shape) -> Shape:
        shape = (*sequences_shape[:-1], self.output_width)
        if not self.return_state:
            return shape
        return shape, [(sequences_shape[0], size) for size in self.state_sizes]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "cell": self.cell,
            "units": self.units,
            "layers": self.number_of_layers,
            "bidirectional": self.bidirectional,
            "dropout": self.dropout,
            "residual": self.residual,
            "cell_options": self.cell_options,
            "variational": self.variational,
            "return_state": self.return_state,
        }
