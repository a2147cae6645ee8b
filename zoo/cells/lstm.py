"""Long short-term memory, without and with peepholes."""

from types import MappingProxyType
from typing import Any

import keras
from keras import ops

from zoo.cells.activations import derivative
from zoo.cells.base import RecurrentCell, layer_normalize, product_gradient
from zoo.cells.remember import Remember
from zoo.cells.typing import Activation, Identifier, Pair, Shape, Tensor, Tensors


@keras.saving.register_keras_serializable(package="zoo")
class LSTMCell(RecurrentCell):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers 2000).

        c̃<t> = f(W_c [a<t-1>, x<t>] + b_c)
        Γ_u  = σ(W_u [a<t-1>, x<t>] + b_u)
        Γ_f  = σ(W_f [a<t-1>, x<t>] + b_f)
        Γ_o  = σ(W_o [a<t-1>, x<t>] + b_o)
        c<t> = Γ_u * c̃<t> + Γ_f * c<t-1>
        a<t> = Γ_o * g(c<t>)

    The states are [a, c]. `recurrent_kernel`: (units, 4 * units), `kernel`: (input_dim, 4 * units),
    with the column blocks of `gates`. `keras.layers.LSTM` has the same equations with its blocks in
    the order update (input), forget, candidate, output.

    With `layer_norm` the memory is normalised where it is shown, a<t> = Γ_o * g(LN(c<t>) + β), with
    the weights `memory_gain` and `memory_shift`, (units,) each. The memory that `zoneout` holds is
    not the one that is shown: c<t> in the last equation is as the one above it has it.

    Args:
        output_activation: g; "tanh" by default, None for a<t> = Γ_o * c<t>.
        remember: see `RecurrentCell`; a number is how b_f starts, by default 1 (Jozefowicz et al.
            2015). With chrono initialisation b_u = -b_f.
        unit_forget_bias: the argument of Keras, in place of `remember`: True for 1, False for None.

    Other arguments, call arguments and errors: see `RecurrentCell`.
    """

    gates = ("candidate", "update", "forget", "output")
    keeps = MappingProxyType({"forget": 1, "update": -1})
    products = (4,)

    def __init__(
        self,
        units: int,
        activation: Identifier = "tanh",
        recurrent_activation: Identifier = "sigmoid",
        *,
        output_activation: Identifier = "tanh",
        remember: Remember = 1.0,
        unit_forget_bias: bool | None = None,
        **kwargs: Any,
    ) -> None:
        if unit_forget_bias is not None:
            remember = 1.0 if unit_forget_bias else None
        super().__init__(units, activation, recurrent_activation, remember=remember, **kwargs)
        self.output_activation = keras.activations.get(output_activation)

    @property
    def state_size(self) -> list[int]:
        return [self.units, self.units]

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        if self.layer_norm:
            self.memory_gain, self.memory_shift = (
                self.add_weight((self.units,), name=f"memory_{name}", initializer=start)
                for name, start in (("gain", "ones"), ("shift", "zeros"))
            )

    def shown(self, c: Tensor) -> Tensor:
        """g(c<t>), what the output gate shows."""
        if self.layer_norm:
            c = layer_normalize(c, self.memory_gain, self.memory_shift)
        return self.output_activation(c)

    def transition(self, projected: Tensor, states: Tensors, weights: Tensors) -> Pair:
        a, c = states
        (W,) = weights
        z = projected + self.recurrent_product(a, W)  # (batch, 4 * units)
        candidate = self.activation(z[:, : self.units])
        gates = self.recurrent_activation(z[:, self.units :])  # (batch, 3 * units)
        update, forget, output = ops.split(gates, 3, axis=1)
        c = update * candidate + forget * c
        shown = self.shown(c)
        a = output * shown
        return (a, c), (candidate, gates, shown)

    def slopes(self, states: Tensors, residuals: Tensors) -> Tensors:
        _, c = states
        candidate, gates, shown, *_ = residuals
        update, forget, output = ops.split(gates, 3, axis=-1)
        by_shown = output * derivative(self.output_activation)(shown)
        by_candidate = update * derivative(self.activation)(candidate)
        by_gates = ops.concatenate([candidate, c, shown], axis=-1)
        by_gates = by_gates * derivative(self.recurrent_activation)(gates)
        return by_shown, ops.concatenate([by_candidate, by_gates], axis=-1), forget

    def backward(self, gradients: Tensors, slopes: Tensors, transposed_weights: Tensors) -> Pair:
        d_a, d_c = gradients
        by_shown, by_z, forget = slopes
        (W_T,) = transposed_weights
        d_c = d_c + d_a * by_shown
        d_z = ops.concatenate([d_c, d_c, d_c, d_a], axis=1) * by_z
        return d_z, (ops.matmul(d_z, W_T), d_c * forget)

    def weight_gradients(self, states: Tensors, residuals: Tensors, d_projected: Tensor) -> Tensors:
        a, _ = states
        return (product_gradient(a, d_projected),)

    def activations(self) -> tuple[Activation, ...]:
        return (*super().activations(), self.output_activation)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "output_activation": keras.activations.serialize(self.output_activation)
        }


@keras.saving.register_keras_serializable(package="zoo")
class PeepholeLSTMCell(LSTMCell):
    """An LSTM whose gates also see the memory.

        c̃<t> = f(W_c [a<t-1>, x<t>] + b_c)
        Γ_u  = σ(W_u [a<t-1>, x<t>, c<t-1>] + b_u)
        Γ_f  = σ(W_f [a<t-1>, x<t>, c<t-1>] + b_f)
        Γ_o  = σ(W_o [a<t-1>, x<t>, c<t-1>] + b_o)
        c<t> = Γ_u * c̃<t> + Γ_f * c<t-1>
        a<t> = Γ_o * g(c<t>)

    The states are [a, c]. Besides the weights of `LSTMCell` there is `peephole_kernel`, its blocks
    in the order update, forget, output:

    - `peephole="full"`: (units, 3 * units), the equations above;
    - `peephole="diagonal"`: (3 * units,), each gate sees its own unit's memory only, and the output
      gate sees c<t> in place of c<t-1> (Gers & Schmidhuber 2000).

    What a gate sees of the memory is not normalised by `layer_norm`.

    Args:
        peephole: "full" or "diagonal".
        peephole_initializer, peephole_regularizer, peephole_constraint: of `peephole_kernel`.

    Other arguments, call arguments and errors: see `LSTMCell` and `RecurrentCell`.

    Raises:
        ValueError: if `peephole` is neither "full" nor "diagonal".
    """

    def __init__(
        self,
        units: int,
        activation: Identifier = "tanh",
        recurrent_activation: Identifier = "sigmoid",
        *,
        peephole: str = "full",
        peephole_initializer: Identifier = None,
        peephole_regularizer: Identifier = None,
        peephole_constraint: Identifier = None,
        **kwargs: Any,
    ) -> None:
        if peephole not in ("full", "diagonal"):
            raise ValueError(f'`peephole` must be "full" or "diagonal". Received: {peephole!r}')
        super().__init__(units, activation, recurrent_activation, **kwargs)
        self.peephole = peephole
        if peephole_initializer is None:
            peephole_initializer = "orthogonal" if peephole == "full" else "zeros"
        self.peephole_initializer = keras.initializers.get(peephole_initializer)
        self.peephole_regularizer = keras.regularizers.get(peephole_regularizer)
        self.peephole_constraint = keras.constraints.get(peephole_constraint)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        width = 3 * self.units
        self.peephole_kernel = self.add_weight(
            (self.units, width) if self.peephole == "full" else (width,),
            name="peephole_kernel",
            **self.options_of("peephole"),
        )

    def recurrent_weights(self) -> Tensors:
        return (*super().recurrent_weights(), ops.copy(self.peephole_kernel))

    def transition(self, projected: Tensor, states: Tensors, weights: Tensors) -> Pair:
        a, c = states
        W, P = weights
        z = projected + self.recurrent_product(a, W)  # (batch, 4 * units)
        candidate = self.activation(z[:, : self.units])
        z_gates = z[:, self.units :]  # (batch, 3 * units)
        if self.peephole == "full":
            gates = self.recurrent_activation(z_gates + ops.matmul(c, P))
            update, forget, output = ops.split(gates, 3, axis=1)
            c = update * candidate + forget * c
        else:
            z_update, z_forget, z_output = ops.split(z_gates, 3, axis=1)
            P_update, P_forget, P_output = ops.split(P, 3)
            update = self.recurrent_activation(z_update + P_update * c)
            forget = self.recurrent_activation(z_forget + P_forget * c)
            c = update * candidate + forget * c
            output = self.recurrent_activation(z_output + P_output * c)
            gates = ops.concatenate([update, forget, output], axis=1)
        shown = self.shown(c)
        a = output * shown
        return (a, c), (candidate, gates, shown, c)

    def backward(self, gradients: Tensors, slopes: Tensors, transposed_weights: Tensors) -> Pair:
        d_a, d_c = gradients
        by_shown, by_z, forget = slopes
        W_T, P_T = transposed_weights
        d_c = d_c + d_a * by_shown
        if self.peephole == "diagonal":
            P_update, P_forget, P_output = ops.split(P_T, 3)
            # The output gate saw c<t>, so its gradient flows into c<t> first.
            d_c = d_c + d_a * by_z[:, 3 * self.units :] * P_output
        d_z = ops.concatenate([d_c, d_c, d_c, d_a], axis=1) * by_z
        _, d_update, d_forget, _ = ops.split(d_z, 4, axis=1)
        d_c = d_c * forget
        if self.peephole == "full":
            d_c = d_c + ops.matmul(d_z[:, self.units :], P_T)
        else:
            d_c = d_c + d_update * P_update + d_forget * P_forget
        return d_z, (ops.matmul(d_z, W_T), d_c)

    def weight_gradients(self, states: Tensors, residuals: Tensors, d_projected: Tensor) -> Tensors:
        a, c = states
        *_, new_c = residuals
        d_gates = d_projected[..., self.units :]
        if self.peephole == "full":
            d_peephole = product_gradient(c, d_gates)
        else:
            seen = ops.concatenate([c, c, new_c], axis=-1)
            d_peephole = ops.sum(seen * d_gates, axis=(0, 1))
        return product_gradient(a, d_projected), d_peephole

    def get_config(self) -> dict[str, Any]:
        options = self.serialized_options_of("peephole")
        return super().get_config() | {"peephole": self.peephole} | options
