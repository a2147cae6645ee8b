"""Gated recurrent units: the simplified and the full one, and the form with the reset after."""

from types import MappingProxyType

import keras
from keras import ops

from zoo.cells.activations import derivative
from zoo.cells.base import RecurrentCell, product_gradient
from zoo.cells.typing import Pair, Tensor, Tensors


@keras.saving.register_keras_serializable(package="zoo")
class SimplifiedGRUCell(RecurrentCell):
    """The GRU without a relevance gate.

        c̃<t> = f(W_c [c<t-1>, x<t>] + b_c)
        Γ_u  = σ(W_u [c<t-1>, x<t>] + b_u)
        c<t> = Γ_u * c̃<t> + (1 - Γ_u) * c<t-1>
        a<t> = c<t>

    Γ_u near 0 keeps the memory. The weights multiply [c<t-1>, x<t>] as two products:
    `recurrent_kernel` (units, 2 * units) and `kernel` (input_dim, 2 * units), with the column
    blocks of `gates`.

    Arguments, call arguments and errors: see `RecurrentCell`.
    """

    gates = ("candidate", "update")
    keeps = MappingProxyType({"update": -1})
    products = (2,)

    def transition(self, projected: Tensor, states: Tensors, weights: Tensors) -> Pair:
        (c,) = states
        (W,) = weights
        z = projected + self.recurrent_product(c, W)  # (batch, 2 * units)
        candidate = self.activation(z[:, : self.units])
        update = self.recurrent_activation(z[:, self.units :])
        c = update * candidate + (1 - update) * c
        return (c,), (candidate, update)

    def slopes(self, states: Tensors, residuals: Tensors) -> Tensors:
        (c,) = states
        candidate, update = residuals
        by_candidate = update * derivative(self.activation)(candidate)
        by_update = (candidate - c) * derivative(self.recurrent_activation)(update)
        return ops.concatenate([by_candidate, by_update], axis=-1), 1 - update

    def backward(self, gradients: Tensors, slopes: Tensors, transposed_weights: Tensors) -> Pair:
        (d_c,) = gradients
        by_z, kept = slopes
        (W_T,) = transposed_weights
        d_z = ops.concatenate([d_c, d_c], axis=1) * by_z
        return d_z, (d_c * kept + ops.matmul(d_z, W_T),)

    def weight_gradients(self, states: Tensors, residuals: Tensors, d_projected: Tensor) -> Tensors:
        (c,) = states
        return (product_gradient(c, d_projected),)


class _RelevanceGatedCell(RecurrentCell):
    """The two forms of the full GRU: two gates in front, the candidate after them."""

    products = (2, 1)

    def recurrent_weights(self) -> Tensors:
        W = ops.convert_to_tensor(self.recurrent_kernel)
        return W[:, : 2 * self.units], W[:, 2 * self.units :]

    def _split(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return z[:, : 2 * self.units], z[:, 2 * self.units :]


@keras.saving.register_keras_serializable(package="zoo")
class GRUCell(_RelevanceGatedCell):
    """The full GRU, with the relevance gate applied before the product (Cho et al. 2014).

        Γ_u  = σ(W_u [c<t-1>, x<t>] + b_u)
        Γ_r  = σ(W_r [c<t-1>, x<t>] + b_r)
        c̃<t> = f(W_c [Γ_r * c<t-1>, x<t>] + b_c)
        c<t> = Γ_u * c̃<t> + (1 - Γ_u) * c<t-1>
        a<t> = c<t>

    Γ_u near 0 keeps the memory: the opposite sense of `keras.layers.GRU`, whose update gate is
    1 - Γ_u (negate the update columns of every weight to go from one to the other).

    `recurrent_kernel`: (units, 3 * units), `kernel`: (input_dim, 3 * units), with the column blocks
    of `gates`. Arguments, call arguments and errors: see `RecurrentCell`.
    """

    gates = ("update", "relevance", "candidate")
    keeps = MappingProxyType({"update": -1})

    def transition(self, projected: Tensor, states: Tensors, weights: Tensors) -> Pair:
        (c,) = states
        W_ur, W_c = weights
        x_ur, x_c = self._split(projected)
        gates = self.recurrent_activation(
            x_ur + self.recurrent_product(c, W_ur)
        )  # (batch, 2 * units)
        update, relevance = ops.split(gates, 2, axis=1)
        relevant = relevance * c
        candidate = self.activation(x_c + self.recurrent_product(relevant, W_c, 1))
        c = update * candidate + (1 - update) * c
        return (c,), (gates, candidate, relevant)

    def slopes(self, states: Tensors, residuals: Tensors) -> Tensors:
        (c,) = states
        gates, candidate, _ = residuals
        update, relevance = ops.split(gates, 2, axis=-1)
        by_candidate = update * derivative(self.activation)(candidate)
        by_gates = ops.concatenate([candidate - c, c], axis=-1)
        by_gates = by_gates * derivative(self.recurrent_activation)(gates)
        return by_candidate, by_gates, relevance, 1 - update

    def backward(self, gradients: Tensors, slopes: Tensors, transposed_weights: Tensors) -> Pair:
        (d_c,) = gradients
        by_candidate, by_gates, relevance, kept = slopes
        W_ur_T, W_c_T = transposed_weights
        d_candidate = d_c * by_candidate
        d_relevant = ops.matmul(d_candidate, W_c_T)
        d_gates = ops.concatenate([d_c, d_relevant], axis=1) * by_gates
        d_c = d_c * kept + d_relevant * relevance + ops.matmul(d_gates, W_ur_T)
        return ops.concatenate([d_gates, d_candidate], axis=1), (d_c,)

    def weight_gradients(self, states: Tensors, residuals: Tensors, d_projected: Tensor) -> Tensors:
        (c,) = states
        *_, relevant = residuals
        d_gates, d_candidate = ops.split(d_projected, [2 * self.units], axis=-1)
        return product_gradient(c, d_gates), product_gradient(relevant, d_candidate)


@keras.saving.register_keras_serializable(package="zoo")
class ResetAfterGRUCell(_RelevanceGatedCell):
    """The GRU with the reset applied after the product, as cuDNN computes it.

        z_t  = σ(W_z x_t + U_z h_{t-1} + b_z)
        r_t  = σ(W_r x_t + U_r h_{t-1} + b_r)
        h'_t = f(W_h x_t + r_t * (U_h h_{t-1}) + b_h)
        h_t  = z_t * h_{t-1} + (1 - z_t) * h'_t

    z near 1 keeps the memory, as in `keras.layers.GRU(reset_after=True)`. Keras adds a second bias
    inside r_t * (...); the equations have none, which is Keras with that bias at zero.

    `recurrent_kernel` (U): (units, 3 * units), `kernel` (W): (input_dim, 3 * units), with the
    column blocks of `gates`. Arguments, call arguments and errors: see `RecurrentCell`.
    """

    gates = ("update", "reset", "candidate")
    keeps = MappingProxyType({"update": 1})

    def transition(self, projected: Tensor, states: Tensors, weights: Tensors) -> Pair:
        (h,) = states
        U_zr, U_h = weights
        x_zr, x_h = self._split(projected)
        gates = self.recurrent_activation(
            x_zr + self.recurrent_product(h, U_zr)
        )  # (batch, 2 * units)
        update, reset = ops.split(gates, 2, axis=1)
        remembered = self.recurrent_product(h, U_h, 1)
        candidate = self.activation(x_h + reset * remembered)
        h = update * h + (1 - update) * candidate
        return (h,), (gates, candidate, remembered)

    def slopes(self, states: Tensors, residuals: Tensors) -> Tensors:
        (h,) = states
        gates, candidate, remembered = residuals
        update, reset = ops.split(gates, 2, axis=-1)
        by_candidate = (1 - update) * derivative(self.activation)(candidate)
        by_gates = ops.concatenate([h - candidate, by_candidate * remembered], axis=-1)
        by_gates = by_gates * derivative(self.recurrent_activation)(gates)
        by_z = ops.concatenate([by_gates, by_candidate], axis=-1)
        by_products = ops.concatenate([by_gates, by_candidate * reset], axis=-1)
        return by_z, by_products, update

    def backward(self, gradients: Tensors, slopes: Tensors, transposed_weights: Tensors) -> Pair:
        (d_h,) = gradients
        by_z, by_products, update = slopes
        U_zr_T, U_h_T = transposed_weights
        d_h3 = ops.concatenate([d_h, d_h, d_h], axis=1)
        d_zr, d_remembered = self._split(d_h3 * by_products)
        d_h = d_h * update + ops.matmul(d_zr, U_zr_T) + ops.matmul(d_remembered, U_h_T)
        return d_h3 * by_z, (d_h,)

    def weight_gradients(self, states: Tensors, residuals: Tensors, d_projected: Tensor) -> Tensors:
        (h,) = states
        gates, *_ = residuals
        d_gates, d_candidate = ops.split(d_projected, [2 * self.units], axis=-1)
        reset = gates[..., self.units :]
        return product_gradient(h, d_gates), product_gradient(h, d_candidate * reset)
