"""Asks a served model, over gRPC or REST: TensorFlow Serving, or the development server."""

import importlib
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from zoo.errors import UserError
from zoo.serving.arrays import numpy_dtype, to_array
from zoo.serving.client.transport import SIGNATURE_DEF, Transport

_TRANSPORTS = {"grpc": ("rpc", "Grpc"), "rest": ("rest", "Rest")}  # gRPC's imports TensorFlow

Specs = dict[str, dict[str, Any]]  # for each input or output its `dtype` and `shape`


class Client:
    """A client of one served model; closes its connection when it leaves a `with`.

        with Client("localhost:8500", "sentiment_bilstm_imdb") as client:
            client.predict({"text": ["Loved it."]})

    Args:
        address: of the server: `host:port` for gRPC, `http://host:port` for REST.
        model: its name there.
        protocol: "grpc" or "rest".
        timeout: seconds to wait for an answer.

    Raises:
        UserError: the address cannot be one.
    """

    def __init__(self, address: str, model: str, protocol: str = "grpc", timeout: float = 10.0):
        if protocol not in _TRANSPORTS:
            raise ValueError(
                f"`protocol` must be one of {', '.join(_TRANSPORTS)}. Received: {protocol!r}"
            )
        module, kind = _TRANSPORTS[protocol]
        make = getattr(importlib.import_module(f"zoo.serving.client.{module}"), kind)
        self._transport: Transport = make(address, model, timeout)
        self._model = model
        self._signatures: dict[int | None, dict] = {}  # by the version asked for, None the latest

    def predict(
        self,
        inputs: Mapping[str, ArrayLike],
        signature: str = "serving_default",
        version: int | None = None,
    ) -> list[dict[str, Any]]:
        """Runs a signature of a version of the model; None for the latest.

        Args:
            inputs: dict of the signature's inputs, each a list or array of rows; strings are `str`
                or `bytes`.
            signature: its name.
            version: its number.

        Returns:
            List of one dict for each row: the outputs, as numbers, strings and nested lists.
            Outputs of strings are `str`, or `bytes` if their name ends in "_bytes".

        Raises:
            UserError: the server cannot be reached, does not answer in time, or has no such model,
                version or signature; or the inputs do not fit it.
        """
        try:
            if version not in self._signatures:
                self._signatures[version] = self.metadata(version)["signatures"]
            signatures = self._signatures[version]
            if signature not in signatures:
                raise UserError(
                    f"model '{self._model}' has no signature '{signature}': it has "
                    f"{', '.join(signatures)}"
                )
            specs = signatures[signature]
            arrays, names = _arrays(inputs, specs["inputs"]), list(specs["outputs"])
            return _rows(self._transport.predict(arrays, names, signature, version))
        except UserError:
            self._signatures.clear()  # a new version may have another signature
            raise

    def status(self) -> list[dict[str, Any]]:
        """The states of the model's versions.

        Returns a list of dicts: `version`, `state` ("AVAILABLE" if it answers), `error_code` ("OK"
        if nothing is wrong) and `error_message`. Errors are those of `predict`.
        """
        answer = self._transport.status()
        try:
            return [
                {"version": int(found["version"]), "state": found["state"], **found["status"]}
                for found in answer["model_version_status"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise self._transport.error("not understood", error) from error

    def metadata(self, version: int | None = None) -> dict[str, Any]:
        """The signatures of a version of the model; None for the latest.

        Returns a dict of `model`, `version` and `signatures`: for each the `inputs` and `outputs`
        with their `dtype`, as TensorFlow calls it, and `shape`, with None for any size. Errors are
        those of `predict`.
        """
        answer = self._transport.metadata(version)
        try:
            definitions = answer["metadata"][SIGNATURE_DEF][SIGNATURE_DEF]
            signatures = {
                name: {key: _specs(found[key]) for key in ("inputs", "outputs")}
                for name, found in sorted(definitions.items())
                if not name.startswith("__")  # those are for loaders
            }
            version = int(answer["model_spec"]["version"])
            return {"model": self._model, "version": version, "signatures": signatures}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._transport.error("not understood", f"no signatures: {error!r}") from error

    def close(self) -> None:
        """Closes the connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _specs(tensors: dict[str, dict]) -> Specs:
    return {
        name: {
            "dtype": info["dtype"].removeprefix("DT_").lower(),
            "shape": [
                None if int(dim["size"]) < 0 else int(dim["size"])
                for dim in info["tensor_shape"].get("dim", [])
            ],
        }
        for name, info in sorted(tensors.items())
    }


def _arrays(inputs: Mapping[str, ArrayLike], specs: Specs) -> dict[str, np.ndarray]:
    """Inputs as arrays of the types that the signature wants."""
    if inputs.keys() != specs.keys():
        raise UserError(
            f"the signature takes {', '.join(specs)}, not {', '.join(inputs) or 'nothing'}"
        )
    arrays = {}
    for name, spec in specs.items():
        try:
            arrays[name] = to_array(inputs[name], numpy_dtype(spec["dtype"]))
        except (ValueError, TypeError) as error:
            wanted = f"{spec['dtype']} values of one shape"
            raise UserError(f"input {name} must hold {wanted}") from error
    return arrays


def _rows(outputs: dict[str, Any]) -> list[dict[str, Any]]:
    """The outputs of each row."""
    sizes = {len(values) if isinstance(values, list) else None for values in outputs.values()}
    if len(sizes) != 1 or None in sizes:
        raise UserError("the signature does not answer in rows: its outputs differ in length")
    return [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
