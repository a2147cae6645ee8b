"""The decoder of an encoder-decoder: recurrence that attends to what the encoder remembers."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Shape, Tensor, Tensors
from zoo.layers.attention import Attention
from zoo.layers.stack import RecurrentStack


@keras.saving.register_keras_serializable(package="zoo")
class AttentionDecoder(keras.layers.Layer):
    """Recurrence in one direction whose output is combined with what it attends to.

        a<t> = recurrence(a<t-1>, x<t>)
        context<t> = attention(a<t>, memory)
        ã<t> = tanh(W_c [context<t>, a<t>] + b_c)

    (Luong, Pham & Manning 2015, "Effective approaches to attention-based neural machine
    translation", global attention.) The recurrence does not depend on the context, so it runs over
    all steps first, and all of them attend at once. With `input_feeding` it reads
    [x<t>, ã<t-1>], ã<0> = 0, and knows what it has attended to; each step then waits for the one
    before, which is slower.

    Args:
        cell, units, layers, residual, cell_options: see `RecurrentStack`.
        attention: kind of attention, see `Attention`, or None: the output is a<t>.
        input_feeding: whether ã<t-1> is read too; needs attention.
        dropout: fraction of values set to 0 between layers in training. Inside the loop of
            `input_feeding` there is none, nor that of a cell, nor is zoneout drawn.

    Call arguments:
        sequences: x, (batch, timesteps, input_dim).
        initial_state: list of (batch, size), one for each of `recurrence.state_sizes`.
        memory: (batch, source timesteps, memory_dim); None without attention.
        memory_mask: (batch, source timesteps), boolean, or None.
        mask: (batch, timesteps), boolean, or None; no state changes where it is False.

    Returns:
        ã, or a without attention, (batch, timesteps, units).

    Raises:
        ValueError: if `input_feeding` is asked for without attention, or an argument of a layer
            inside is wrong.
    """

    def __init__(
        self,
        cell: str = "lstm",
        units: int = 64,
        layers: int = 1,
        residual: bool = False,
        attention: str | None = "additive",
        input_feeding: bool = False,
        dropout: float = 0.0,
        cell_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if input_feeding and attention is None:
            raise ValueError("`input_feeding` needs `attention`: there is nothing to feed without")
        self.supports_masking = True
        self.units = units
        self.input_feeding = input_feeding
        dtype = self.dtype_policy
        one_way = (cell, units, layers, False, dropout, residual, cell_options)
        self.recurrence = RecurrentStack(*one_way, name="recurrence", dtype=dtype)
        self.attention: Any = None
        self.combination: Any = None
        if attention is not None:
            self.attention = Attention(attention, units, name="attention", dtype=dtype)
            self.combination = keras.layers.Dense(units, "tanh", name="combination", dtype=dtype)

    def build(
        self,
        sequences_shape: Shape,
        initial_state_shape: Shape | None = None,
        memory_shape: Any = None,
    ) -> None:
        width = sequences_shape[-1] + (self.units if self.input_feeding else 0)
        self.recurrence.build((*sequences_shape[:-1], width))
        if self.attention is not None:
            outputs_shape = (*sequences_shape[:-1], self.units)
            keys_shape = (*memory_shape[:-1], self.units)
            self.attention.build(outputs_shape, keys_shape, memory_shape)
            self.combination.build((*outputs_shape[:-1], memory_shape[-1] + self.units))

    def call(
        self,
        sequences: Tensor,
        initial_state: Tensors,
        memory: Tensor = None,
        memory_mask: Tensor | None = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        if self.attention is None:
            return self.recurrence(sequences, initial_state, mask=mask, training=training)
        keys = self.attention.keys(memory)
        if not self.input_feeding:
            outputs = self.recurrence(sequences, initial_state, mask=mask, training=training)
            return self._attend(outputs, keys, memory, memory_mask)[0]
        states = [*initial_state, ops.zeros_like(initial_state[0])]
        # The cell holds tensors of this call, so the loop is made for it alone; it has no weights.
        cell = _FeedingCell(self, keys, memory, memory_mask)
        loop = keras.layers.RNN(cell, return_sequences=True, dtype=self.dtype_policy)
        return loop(sequences, initial_state=states, mask=mask)

    def step(
        self,
        x: Tensor,
        states: Tensors,
        keys: Tensor = None,
        memory: Tensor = None,
        memory_mask: Tensor | None = None,
        fed: Tensor | None = None,
        weights: Sequence[Tensors] | None = None,
    ) -> tuple[Tensor, list[Tensor], Tensor | None]:
        """One step in time, without dropout.

        Args:
            x: (batch, input_dim).
            states: list of (batch, size), one for each of `recurrence.state_sizes`.
            keys: `attention.keys(memory)`; this and the rest are left out without attention.
            memory, memory_mask: as in the call; the rows of x may be n for each row of these, side
                by side, such as the beams of a search.
            fed: with `input_feeding` ã<t-1>, (batch, units), zeros at first.
            weights: what `recurrence.step_weights` returned, if it was called once for many steps.

        Returns:
            ã<t>, or a<t> without attention, (batch, units); the list of new states; and the
            weights of attention, (batch, source timesteps), or None.
        """
        if self.input_feeding:
            x, fed = (ops.cast(tensor, self.compute_dtype) for tensor in (x, fed))
            x = ops.concatenate([x, fed], axis=-1)
        output, states = self.recurrence.step(x, states, weights)
        if self.attention is None:
            return output, states, None
        output, weights = self._attend(output, keys, memory, memory_mask)
        return output, states, weights

    def _attend(
        self, outputs: Tensor, keys: Tensor, memory: Tensor, memory_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """ã and the weights of attention, of one step or of all."""
        context, weights = self.attention(outputs, keys, memory, mask=memory_mask)
        return self.combination(ops.concatenate([context, outputs], axis=-1)), weights

    def compute_output_shape(self, sequences_shape: Shape) -> Shape:
        return (*sequences_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        recurrence = self.recurrence
        return super().get_config() | {
            "cell": recurrence.cell,
            "units": self.units,
            "layers": recurrence.number_of_layers,
            "residual": recurrence.residual,
            "attention": None if self.attention is None else self.attention.kind,
            "input_feeding": self.input_feeding,
            "dropout": recurrence.dropout,
            "cell_options": recurrence.cell_options,
        }


class _FeedingCell:
    """A step of a decoder with input feeding, for one memory; ã<t-1> is the last of the states."""

    def __init__(
        self, decoder: AttentionDecoder, keys: Tensor, memory: Tensor, memory_mask: Tensor | None
    ) -> None:
        self.decoder = decoder
        self.source = (keys, memory, memory_mask)
        self.state_size = [*decoder.recurrence.state_sizes, decoder.units]
        self.output_size = decoder.units
        self.compute_dtype = decoder.compute_dtype

    def __call__(self, x: Tensor, states: Tensors) -> tuple[Tensor, list[Tensor]]:
        *states, fed = states
        output, states, _ = self.decoder.step(x, states, *self.source, fed=fed)
        return output, [*states, output]

    call = __call__  # what `keras.layers.RNN` knows a cell by
