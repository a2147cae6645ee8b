"""Asks a served model, over gRPC or REST: TensorFlow Serving, or the development server.

from zoo.serving.client import Client

with Client("localhost:8500", "sentiment_bilstm_imdb") as client:
    client.predict({"text": ["Loved it."]})
"""

import numpy as np

from zoo.errors import UserError
from zoo.serving.client.transports import TRANSPORTS
from zoo.serving.protobufs import NUMPY_DTYPES, bytes_array, error_codes_pb2, types_pb2

DEFAULT_SIGNATURE = "serving_default"
_INTERNAL = "__"  # begins the names of signatures that are not for clients


class Client:
    """A client of one served model; closes its connection when it leaves a `with`.

    Args:
        address: of the server: `host:port` for gRPC, `http://host:port` for REST.
        model: its name there.
        protocol: "grpc" or "rest".
        timeout: seconds to wait for an answer.

    Raises:
        UserError: the address cannot be one.
    """

    def __init__(self, address, model, protocol="grpc", timeout=10.0):
        if protocol not in TRANSPORTS:
            raise ValueError(
                f"`protocol` must be one of {', '.join(TRANSPORTS)}. Received: {protocol!r}"
            )
        self._transport = TRANSPORTS[protocol](address, model, timeout)
        self._model = model
        self._metadata = {}  # by the version asked for; None is the latest

    def predict(self, inputs, signature=DEFAULT_SIGNATURE, version=None):
        """Runs a signature.

        Args:
            inputs: dict of the signature's inputs, each a list or array of rows; strings are `str`
                or `bytes`.
            signature: its name.
            version: of the model; None for the latest.

        Returns:
            List of one dict for each row: the outputs, as numbers, strings and nested lists.
            Outputs of strings are `str`, or `bytes` if their name ends in "_bytes".

        Raises:
            UserError: the server cannot be reached, does not answer in time, or has no such model,
                version or signature; or the inputs do not fit it.
        """
        try:
            signatures = self._signatures(version)
            if signature not in signatures:
                raise UserError(
                    f"model '{self._model}' has no signature '{signature}': it has "
                    f"{', '.join(signatures)}"
                )
            specs = signatures[signature]
            arrays = _arrays(inputs, specs["inputs"])
            outputs = self._transport.predict(arrays, list(specs["outputs"]), signature, version)
            return _rows(outputs)
        except UserError:
            self._metadata.clear()  # a new version may have another signature
            raise

    def status(self):
        """The states of the model's versions.

        Returns:
            List of dicts: `version`, `state` ("AVAILABLE" if it answers), `error_code`
            ("OK" if nothing is wrong) and `error_message`.

        Raises:
            UserError: as for `predict`.
        """
        return [
            {
                "version": version.version,
                "state": type(version).State.Name(version.state),
                "error_code": error_codes_pb2.Code.Name(version.status.error_code),
                "error_message": version.status.error_message,
            }
            for version in self._transport.status().model_version_status
        ]

    def metadata(self, version=None):
        """The signatures of the model.

        Args:
            version: of the model; None for the latest.

        Returns:
            dict of `model`, `version` and `signatures`: for each the `inputs` and `outputs` with
            their `dtype`, as TensorFlow calls it, and `shape`, with None for any size.

        Raises:
            UserError: as for `predict`.
        """
        number, signatures = self._transport.metadata(version)
        return {
            "model": self._model,
            "version": number,
            "signatures": {
                name: {"inputs": _specs(definition.inputs), "outputs": _specs(definition.outputs)}
                for name, definition in sorted(signatures.signature_def.items())
                if not name.startswith(_INTERNAL)
            },
        }

    def close(self):
        """Closes the connection."""
        self._transport.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _signatures(self, version):
        if version not in self._metadata:
            self._metadata[version] = self.metadata(version)["signatures"]
        return self._metadata[version]


def _specs(tensors):
    return {
        name: {
            "dtype": types_pb2.DataType.Name(info.dtype).removeprefix("DT_").lower(),
            "shape": [None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim],
        }
        for name, info in sorted(tensors.items())
    }


def _arrays(inputs, specs):
    """Inputs as arrays of the types that the signature wants."""
    if inputs.keys() != specs.keys():
        raise UserError(
            f"the signature takes {', '.join(specs)}, not {', '.join(inputs) or 'nothing'}"
        )
    return {name: _array(name, inputs[name], specs[name]["dtype"]) for name in specs}


def _array(name, values, dtype_name):
    try:
        if dtype_name == "string":
            return bytes_array(values)
        dtype = NUMPY_DTYPES[types_pb2.DataType.Value(f"DT_{dtype_name.upper()}")]
        return _cast(np.asarray(values), dtype)
    except (ValueError, TypeError) as error:
        raise UserError(f"input {name} must hold {dtype_name} values of one shape") from error


def _cast(array, dtype):
    """An array of another type, if that holds its values; NumPy alone would wrap large integers."""
    integers = array.dtype.kind in "iu" and dtype.kind in "iu"
    cast = array.astype(dtype, casting="unsafe" if integers or not array.size else "same_kind")
    if integers and not np.array_equal(cast, array):
        raise ValueError("out of range")
    return cast


def _rows(outputs):
    """The outputs of each row."""
    lengths = {len(values) for values in outputs.values() if isinstance(values, list)}
    if len(lengths) != 1 or not all(isinstance(values, list) for values in outputs.values()):
        raise UserError("the signature does not answer in rows: its outputs differ in length")
    return [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
