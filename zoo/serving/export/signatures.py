"""What a SavedModel's signatures take and give, and whether inputs fit them."""

from dataclasses import dataclass

import numpy as np

from zoo.serving.c_library import SavedModelError
from zoo.serving.protobufs import DATA_TYPES, NUMPY_DTYPES, bytes_array, error_codes_pb2, types_pb2

_INIT_OP = "__saved_model_init_op"  # among the signatures, but the loader's, not a caller's


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a signature.

    Attributes:
        tensor: its name in the graph, such as "x:0".
        dtype: numpy dtype, `object` for strings; None if NumPy has no such type.
        shape: tuple with None for unknown sizes, or None if the rank is unknown.
    """

    tensor: str
    dtype: np.dtype | None
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Signature:
    """One function of a SavedModel.

    Attributes:
        inputs: dict of name -> `TensorSpec`.
        outputs: dict of name -> `TensorSpec`.
        method_name: what it is for, such as "tensorflow/serving/predict".
    """

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    method_name: str


def of(meta_graph):
    """The signatures of a `MetaGraphDef` that a caller may run: dict of name -> `Signature`."""
    return {
        name: Signature(_specs(found.inputs), _specs(found.outputs), found.method_name)
        for name, found in sorted(meta_graph.signature_def.items())
        if name != _INIT_OP
    }


def feeds(signature, inputs):
    """Inputs as the graph takes them.

    Args:
        signature: `Signature`.
        inputs: name -> array-like.

    Returns:
        dict of the tensor's name in the graph -> numpy array; strings are `bytes`.

    Raises:
        SavedModelError: an input is missing, unknown, or not of its type or shape.
    """
    _check_names(signature, inputs)
    return {
        spec.tensor: _conform(name, inputs[name], spec) for name, spec in signature.inputs.items()
    }


def _specs(tensor_infos):
    return {name: _spec(info) for name, info in sorted(tensor_infos.items())}


def _spec(info):
    shape = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
    return TensorSpec(
        info.name,
        NUMPY_DTYPES.get(info.dtype),
        None if info.tensor_shape.unknown_rank else shape,
    )


def _check_names(signature, inputs):
    """Compares the names of inputs with those of a signature, as TensorFlow Serving does."""
    expected, given = sorted(signature.inputs), sorted(inputs)
    if len(given) != len(expected):
        extra, missing = sorted({*given} - {*expected}), sorted({*expected} - {*given})
        raise _invalid(
            f"input size does not match signature: {len(given)}!={len(expected)} "
            f"len({_braced(given)}) != len({_braced(expected)}). "
            f"Sent extra: {_braced(extra)}. Missing but required: {_braced(missing)}."
        )
    for name in expected:
        if name not in given:
            raise _invalid(
                f"Signature input alias: {name}(feed name: {signature.inputs[name].tensor}) not "
                "found in request and no default value provided. Inputs expected to be in the "
                f"request {_braced(given)}, or default input alias set: "
            )


def _braced(names):
    return "{" + ",".join(names) + "}"


def _conform(name, value, spec):
    """The value of an input as an array of the type and shape that its `TensorSpec` tells."""
    array = _cast(name, value, spec)
    known = spec.shape is None or (
        len(spec.shape) == array.ndim
        and all(size in (None, given) for size, given in zip(spec.shape, array.shape, strict=True))
    )
    if not known:
        shape = ", ".join("?" if size is None else str(size) for size in spec.shape)
        given = ", ".join(map(str, array.shape))
        raise _invalid(f"input {name} must have the shape [{shape}], not [{given}]")
    return array


def _cast(name, value, spec):
    if spec.dtype is None:
        message = f"input {name}: NumPy has no such type"
        raise SavedModelError(error_codes_pb2.UNIMPLEMENTED, message)
    try:
        if spec.dtype.kind == "O":
            return bytes_array(value)
        array = np.asarray(value)
        plain = not hasattr(value, "dtype")  # Python's numbers have no width of their own
        if plain and (not array.size or _WIDENING[array.dtype.kind] <= _WIDENING[spec.dtype.kind]):
            array = np.asarray(value, dtype=spec.dtype)
    except (ValueError, OverflowError, TypeError) as error:
        raise _invalid(f"input {name}: {error}") from error
    if array.dtype != spec.dtype:
        expected, given = _type_name(spec.dtype), _type_name(array.dtype)
        raise _invalid(f"Expects {name} to be {expected} but {given} is provided")
    return array


# Kinds of NumPy's types (V is bfloat16): a number becomes one of its own kind or of a later one.
_WIDENING = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2, "c": 3, "S": 4, "U": 4, "O": 4}


def _type_name(dtype):
    if dtype.kind in "OSU":
        return "string"
    name = types_pb2.DataType.Name(DATA_TYPES[dtype]) if dtype in DATA_TYPES else str(dtype)
    return name.removeprefix("DT_").lower()


def _invalid(message):
    return SavedModelError(error_codes_pb2.INVALID_ARGUMENT, message)
