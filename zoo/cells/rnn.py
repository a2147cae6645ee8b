"""The RNN unit."""

from typing import Any

import keras
from keras import ops

from zoo.cells.activations import derivative
from zoo.cells.base import RecurrentCell, product_gradient
from zoo.cells.typing import Activation, Identifier, Pair, Tensor, Tensors


@keras.saving.register_keras_serializable(package="zoo")
class RNNCell(RecurrentCell):
    """The RNN unit (Elman 1990).

        a<t> = f(W_aa a<t-1> + W_ax x<t> + b_a)

    `recurrent_kernel` is W_aa transposed, (units, units); `kernel` is W_ax transposed,
    (input_dim, units); `bias` is b_a. The output is a<t>; ŷ<t> = g(W_ya a<t> + b_y) is a
    `keras.layers.Dense` on top.

    Arguments, call arguments and errors: see `RecurrentCell`; there is no `recurrent_activation`,
    and no `remember`.
    """

    gates = ("activation",)
    products = (1,)

    def __init__(self, units: int, activation: Identifier = "tanh", **kwargs: Any) -> None:
        # Naming the gates' activation here refuses it as an argument.
        super().__init__(units, activation, recurrent_activation=None, **kwargs)

    def transition(self, projected: Tensor, states: Tensors, weights: Tensors) -> Pair:
        (a,) = states
        (W_aa,) = weights
        a = self.activation(projected + self.recurrent_product(a, W_aa))
        return (a,), (a,)

    def slopes(self, states: Tensors, residuals: Tensors) -> Tensors:
        (a,) = residuals
        return (derivative(self.activation)(a),)

    def backward(self, gradients: Tensors, slopes: Tensors, transposed_weights: Tensors) -> Pair:
        (d_a,) = gradients
        (slope,) = slopes
        (W_aa_T,) = transposed_weights
        d_z = d_a * slope
        return d_z, (ops.matmul(d_z, W_aa_T),)

    def weight_gradients(self, states: Tensors, residuals: Tensors, d_projected: Tensor) -> Tensors:
        (a,) = states
        return (product_gradient(a, d_projected),)

    def activations(self) -> tuple[Activation, ...]:
        return (self.activation,)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["recurrent_activation"]
        return config
