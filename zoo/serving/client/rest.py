"""Requests by REST; without TensorFlow."""

import json
from typing import Any
from urllib.parse import quote

import httpx2
import numpy as np

from zoo.errors import UserError
from zoo.serving.arrays import from_base64, nested, plain, to_base64
from zoo.serving.client.transport import Transport


class Rest(Transport):
    """REST; the address is `http://host:port`."""

    def __init__(self, address: str, model: str, timeout: float):
        super().__init__(address, model, timeout)
        try:
            url = httpx2.URL(address)
        except httpx2.InvalidURL as error:
            raise UserError(f"{address}: no address of a server ({error})") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise UserError(f"{address}: a REST address is http://HOST:PORT")
        self._client = httpx2.Client(base_url=url, timeout=timeout)

    def predict(
        self, inputs: dict[str, np.ndarray], outputs: list[str], signature: str, version: int | None
    ) -> dict[str, Any]:
        values = {name: nested(plain(array), to_base64) for name, array in inputs.items()}
        body = {"signature_name": signature, "inputs": values}
        answer = self._call("POST", f"{self._path(version)}:predict", body)
        try:
            values = answer["outputs"]
            if len(outputs) == 1:  # a single output comes without its name
                values = dict.fromkeys(outputs, values)
            return {name: nested(values[name], from_base64) for name in outputs}
        except (KeyError, TypeError, ValueError) as error:
            raise self.error("not understood", f"{type(error).__name__}: {error}") from error

    def status(self) -> dict[str, Any]:
        return self._call("GET", self._path(None))

    def metadata(self, version: int | None) -> dict[str, Any]:
        return self._call("GET", f"{self._path(version)}/metadata")

    def close(self) -> None:
        self._client.close()

    def _path(self, version: int | None) -> str:
        path = f"v1/models/{quote(self._model, safe='')}"
        return path if version is None else f"{path}/versions/{version}"

    def _call(self, method: str, path: str, body: dict | None = None) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, json=body)
        except httpx2.TimeoutException as error:
            raise self.error("timed out") from error
        except httpx2.TransportError as error:
            raise self.error("unreachable", error) from error
        except httpx2.RequestError as error:
            raise self.error("not understood", error) from error
        try:
            answer: dict = json.loads(response.content.decode("utf-8", "replace"))
            reason = None if response.is_success else answer["error"]
        except (ValueError, KeyError, TypeError) as error:
            raise self.error("not understood", f"HTTP {response.status_code}") from error
        if response.status_code == httpx2.codes.NOT_FOUND:
            raise self.error("not found", reason)
        if reason is not None:
            raise self.error("refused", reason)
        return answer
