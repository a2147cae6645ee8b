"""Both directions of a recurrence over one sequence."""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Tensor, Tensors
from zoo.layers.recurrence import Recurrence, time_major, time_major_mask


@keras.saving.register_keras_serializable(package="zoo")
class Bidirectional(keras.layers.Bidirectional):
    """`keras.layers.Bidirectional` with the same arguments and results, faster around `Recurrence`.

    The two loops run side by side and read and write their sequences in place, the one from the
    first step on, the other from the last: nothing is turned round in time, and the change to
    time-major and back is made once for both.

    Args:
        layer: a `Recurrence`, or any layer that `keras.layers.Bidirectional` takes.
        merge_mode, weights, backward_layer: as in `keras.layers.Bidirectional`.

    Call arguments and results: those of `keras.layers.Bidirectional`.
    """

    def __init__(
        self, layer: keras.layers.Layer, merge_mode: str = "concat", **kwargs: Any
    ) -> None:
        super().__init__(layer, merge_mode=merge_mode, **kwargs)
        # Keras copies the layer, and while it loads a model it knows what it has copied by `id`,
        # which must not become that of another layer. A function, since attributes are saved.
        self._copied = lambda: layer
        for direction in self.directions():
            direction.halves = False  # there are two loops already

    def call(
        self,
        sequences: Tensor,
        initial_state: Tensors | None = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Tensor:
        if initial_state is not None or not self._is_written_out:
            return super().call(sequences, initial_state, mask, training)
        batch = ops.shape(sequences)[0]
        mask = time_major_mask(mask, sequences)
        x = time_major(sequences)
        outputs = [
            direction.over_time(x, direction.cell.get_initial_state(batch), mask, training)[0]
            for direction in self.directions()
        ]
        return time_major(ops.concatenate(outputs, axis=-1))

    def directions(self) -> tuple[Recurrence, Recurrence]:
        """The layer that runs forwards and the one that runs backwards."""
        # No property: Keras would save what it returns under that name.
        return self.forward_layer, self.backward_layer

    @property
    def _is_written_out(self) -> bool:
        """Whether this is the case that `call` is written for: all steps of both, side by side."""
        return (
            self.merge_mode == "concat"
            and self.return_sequences
            and not (self.return_state or self.stateful)
            and all(
                isinstance(direction, Recurrence)
                and direction.is_written_out
                and not direction.cell.dropout
                for direction in self.directions()
            )
        )
