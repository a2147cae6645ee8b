"""Both directions of a recurrence over one sequence."""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Tensor, Tensors
from zoo.layers import engines, handover
from zoo.layers.operators import operator_of
from zoo.layers.recurrence import Recurrence, batch_major_mask, time_major, time_major_mask


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
        if isinstance(layer, Recurrence):
            engines.prepare(layer, directions=2)

    def call(
        self,
        sequences: Tensor,
        initial_state: Tensors | None = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Tensor:
        engine = None if initial_state is not None else self._engine()
        if engine is None:
            return super().call(sequences, initial_state, mask, training)
        if operator := operator_of(sequences, *self.directions(), training=training):
            return operator(sequences, None, mask)[0]
        if engine == "keras":
            return self._by_keras(sequences, mask)
        batch = ops.shape(sequences)[0]
        if engine == "native":
            mask = batch_major_mask(mask, sequences)
            outputs = [
                direction.by_operation(
                    sequences,
                    direction.cell.get_initial_state(batch),
                    mask,
                    training,
                    side_by_side=2,
                )[0]
                for direction in self.directions()
            ]
            return ops.concatenate(outputs, axis=-1)
        mask = time_major_mask(mask, sequences)
        x = time_major(sequences)
        outputs = []
        for direction in self.directions():
            over_time = direction.over_time_compiled if engine == "xla" else direction.over_time
            initial = direction.cell.get_initial_state(batch)
            outputs.append(over_time(x, initial, mask, training)[0])
        return time_major(ops.concatenate(outputs, axis=-1))

    def _by_keras(self, sequences: Tensor, mask: Tensor | None) -> Tensor:
        mask = batch_major_mask(mask, sequences)
        forward, backward = self.directions()
        outputs = handover.run_both(forward.cell, backward.cell, sequences, mask)
        if mask is not None and forward.zero_output_for_mask:
            outputs = ops.where(mask[..., None], outputs, ops.zeros_like(outputs))
        return ops.cast(outputs, self.compute_dtype)

    def directions(self) -> tuple[Recurrence, Recurrence]:
        """The layer that runs forwards and the one that runs backwards."""
        # No property: Keras would save what it returns under that name.
        return self.forward_layer, self.backward_layer

    def _engine(self) -> str | None:
        """What runs both directions side by side, None where Keras runs one after the other.

        `call` is written for all steps of both, from states of 0.
        """
        directions = self.directions()
        written_for = (
            self.merge_mode == "concat"
            and self.return_sequences
            and not (self.return_state or self.stateful)
            and all(isinstance(d, Recurrence) and not d.cell.dropout for d in directions)
        )
        if not written_for:
            return None
        chosen = {engines.engine_of(direction) for direction in directions}
        alike = len({(type(d.cell), d.cell.units, d.zero_output_for_mask) for d in directions}) == 1
        if chosen == {"keras"} and alike:
            return "keras"
        if "keras" in chosen or not all(direction.is_written_out for direction in directions):
            return None
        return chosen.pop() if len(chosen) == 1 else "loop"
