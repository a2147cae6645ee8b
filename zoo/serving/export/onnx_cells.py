"""The cells that ONNX's operators LSTM, GRU and RNN know, and their weights as ONNX has them."""

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from zoo.cells import (
    GRUCell,
    LSTMCell,
    PeepholeLSTMCell,
    RecurrentCell,
    ResetAfterGRUCell,
    RNNCell,
    SimplifiedGRUCell,
)
from zoo.cells.typing import Activation
from zoo.layers import Recurrence

_OPEN = 100.0  # a bias with which a gate is 1
_WAYS = {(False,): "forward", (True,): "reverse", (False, True): "bidirectional"}


class _Function(NamedTuple):
    """An activation as ONNX calls it, with α and β where it has them."""

    name: str
    alpha: tuple[float, ...] = ()
    beta: tuple[float, ...] = ()


_FUNCTIONS: Mapping[Activation, _Function] = {
    keras.activations.tanh: _Function("Tanh"),
    keras.activations.sigmoid: _Function("Sigmoid"),
    keras.activations.relu: _Function("Relu"),
    keras.activations.softplus: _Function("Softplus"),
    keras.activations.softsign: _Function("Softsign"),
    keras.activations.hard_sigmoid: _Function("HardSigmoid", (1 / 6,), (0.5,)),
    keras.activations.linear: _Function("Affine", (1.0,), (0.0,)),
}
_SYMMETRIC = (keras.activations.sigmoid, keras.activations.hard_sigmoid)  # 1 - f(z) = f(-z)


class _Form(NamedTuple):
    """How ONNX has the equations of a cell.

    Attributes:
        kind: "LSTM", "GRU" or "RNN".
        gates: those of the cell in the order of ONNX; None is one that is always open.
        functions: the places of the operator's functions in the cell's `activations`.
        turned: the gate Γ of which ONNX has 1 - Γ.
        options: attributes of the operator.
    """

    kind: str
    gates: tuple[str | None, ...]
    functions: tuple[int, ...]
    turned: str = ""
    options: Mapping[str, int] = MappingProxyType({})


_LSTM = _Form("LSTM", ("update", "output", "forget", "candidate"), (1, 0, 2))
_FORMS: Mapping[type[RecurrentCell], _Form] = {
    RNNCell: _Form("RNN", ("activation",), (0,)),
    SimplifiedGRUCell: _Form("GRU", ("update", None, "candidate"), (1, 0), "update"),
    GRUCell: _Form("GRU", ("update", "relevance", "candidate"), (1, 0), "update"),
    ResetAfterGRUCell: _Form(
        "GRU", ("update", "reset", "candidate"), (1, 0), options={"linear_before_reset": 1}
    ),
    LSTMCell: _LSTM,
    PeepholeLSTMCell: _LSTM,
}


class OnnxRecurrence(NamedTuple):
    """One or two directions as one operator.

    Attributes:
        kind: "LSTM", "GRU" or "RNN".
        weights: W, R, B and perhaps P, by these names of ONNX, the directions on the first axis.
        attributes: of the operator.
    """

    kind: str
    weights: dict[str, np.ndarray]
    attributes: dict[str, Any]


def onnx_recurrence(*directions: Recurrence) -> OnnxRecurrence | None:
    """The operator of a layer; None where ONNX lacks its cell, or one of the cell's options."""
    cells = [direction.cell for direction in directions]
    way = _WAYS.get(tuple(direction.go_backwards for direction in directions))
    forms = [_form_of(cell) for cell in cells]
    form = forms[0]
    if form is None or way is None or any(other is not form for other in forms):
        return None
    if len({cell.units for cell in cells}) > 1:
        return None
    functions = [_FUNCTIONS[cell.activations()[i]] for cell in cells for i in form.functions]
    weights = [_weights_of(cell, form) for cell in cells]
    if len({tuple(own) for own in weights}) > 1:  # the peepholes of one direction only
        return None
    return OnnxRecurrence(
        form.kind,
        {name: np.stack([own[name] for own in weights]) for name in weights[0]},
        {
            "hidden_size": cells[0].units,
            "direction": way,
            "activations": [function.name for function in functions],
            **{
                f"activation_{name}": values
                for name in ("alpha", "beta")
                if (values := [*chain(*(getattr(function, name) for function in functions))])
            },
            **form.options,
        },
    )


def _form_of(cell: Any) -> _Form | None:
    form = _FORMS.get(type(cell))
    if form is None or cell.layer_norm or any(cell.zoneout):
        return None
    if not all(activation in _FUNCTIONS for activation in cell.activations()):
        return None
    if form.turned and cell.recurrent_activation not in _SYMMETRIC:
        return None
    return None if getattr(cell, "peephole", None) == "full" else form


def _weights_of(cell: Any, form: _Form) -> dict[str, np.ndarray]:
    def arranged(weight: Any, open_gate: float) -> np.ndarray:
        weight = ops.convert_to_numpy(weight)
        blocks = []
        for gate in form.gates:
            if gate is None:
                blocks.append(np.full((*weight.shape[:-1], cell.units), open_gate))
            else:
                blocks.append(weight[..., cell.columns(gate)] * (-1 if gate == form.turned else 1))
        return np.concatenate(blocks, axis=-1).T.astype("float32")

    bias = cell.bias if cell.use_bias else np.zeros(len(cell.gates) * cell.units)
    bias = arranged(bias, _OPEN)
    weights = {
        "W": arranged(cell.kernel, 0),
        "R": arranged(cell.recurrent_kernel, 0),
        "B": np.concatenate([bias, np.zeros_like(bias)]),  # ONNX has two, and adds them up
    }
    if isinstance(cell, PeepholeLSTMCell):
        update, forget, output = np.split(ops.convert_to_numpy(cell.peephole_kernel), 3)
        weights["P"] = np.concatenate([update, output, forget])
    return weights
