"""Derivatives of activations, as functions of what the activation returned.

Backpropagation through time needs f'(z) at every step. For these activations it follows from
y = f(z), so that nothing but the gates themselves has to be kept from the forward pass.
"""

import keras
from keras import ops

from zoo.cells.typing import Activation

DERIVATIVES: dict[Activation, Activation] = {
    keras.activations.linear: ops.ones_like,
    keras.activations.tanh: lambda y: 1 - y * y,
    keras.activations.sigmoid: lambda y: y * (1 - y),
    keras.activations.relu: lambda y: ops.cast(y > 0, y.dtype),
    keras.activations.softplus: lambda y: 1 - ops.exp(-y),
    keras.activations.hard_sigmoid: lambda y: ops.cast((y > 0) & (y < 1), y.dtype) / 6,
}


def derivative(activation: Activation) -> Activation:
    """The function y -> f'(z) with y = f(z), of what `keras.activations.get` returns."""
    return DERIVATIVES[activation]
