"""How requests reach a model server: gRPC, by the stock stubs, or REST."""

import base64
import binascii
import json
from urllib.parse import quote

import grpc
import httpx2
from google.protobuf import json_format

from zoo.errors import UserError
from zoo.serving.client.json_values import BYTES_SUFFIX, nested, plain
from zoo.serving.protobufs import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    to_array,
    to_tensor_proto,
)

_SIGNATURE_DEF = "signature_def"


class _Transport:
    """What both have: the server's address, the model's name, and words for what goes wrong.

    Args:
        address: of the server.
        model: its name there.
        timeout: seconds to wait for an answer.
    """

    def __init__(self, address, model, timeout):
        self._address = address
        self._model = model
        self._timeout = timeout

    def _unreachable(self, reason):
        return UserError(
            f"no model server answers at {self._address} ({_one_line(reason)}): start one, with "
            "`python -m zoo serve` for example, or give another address"
        )

    def _timed_out(self):
        return UserError(
            f"{self._address} did not answer within {self._timeout:g} seconds: allow more time, or "
            "look at the server's log"
        )

    def _not_found(self, reason):
        return UserError(
            f"{self._address} does not serve model '{self._model}' as asked for "
            f"({_one_line(reason)}): check its name and version, and that it is loaded"
        )

    def _refused(self, reason):
        return UserError(f"{self._address} refused the request: {_one_line(reason)}")

    def _not_understood(self, reason):
        return UserError(
            f"{self._address} does not answer like a model server ({_one_line(reason)}): give the "
            "address of one"
        )


class Grpc(_Transport):
    """gRPC; the address is `host:port`.

    Raises:
        UserError: the address is one of REST.
    """

    def __init__(self, address, model, timeout):
        super().__init__(address, model, timeout)
        if "://" in address:
            raise UserError(f"{address}: a gRPC address is HOST:PORT, without http://")
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = grpc.insecure_channel(address, options=unlimited)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(self, inputs, outputs, signature, version):
        """Runs a signature.

        Args:
            inputs: dict of arrays.
            outputs: names of the outputs.
            signature: its name.
            version: of the model; None for the latest.

        Returns:
            dict of nested lists; strings are `str`, or `bytes` if the name ends in "_bytes".
        """
        request = predict_pb2.PredictRequest()
        self._fill(request.model_spec, version)
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(to_tensor_proto(array))
        response = self._call(self._predictions.Predict, request)
        try:
            return {name: _values(name, to_array(response.outputs[name])) for name in outputs}
        except ValueError as error:
            raise self._not_understood(error) from error

    def status(self):
        """The `GetModelStatusResponse`."""
        request = get_model_status_pb2.GetModelStatusRequest()
        self._fill(request.model_spec, None)
        return self._call(self._models.GetModelStatus, request)

    def metadata(self, version):
        """The number of the version that answers, and its `SignatureDefMap`."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=[_SIGNATURE_DEF])
        self._fill(request.model_spec, version)
        response = self._call(self._predictions.GetModelMetadata, request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        if not response.metadata[_SIGNATURE_DEF].Unpack(signatures):
            raise self._not_understood("no signatures")
        return response.model_spec.version.value, signatures

    def close(self):
        """Closes the connection."""
        self._channel.close()

    def _fill(self, spec, version):
        spec.name = self._model
        if version is not None:
            spec.version.value = version

    def _call(self, method, request):
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            code, details = error.code(), error.details() or error.code().name
            if code is grpc.StatusCode.UNAVAILABLE:
                raise self._unreachable(details) from error
            if code is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise self._timed_out() from error
            if code is grpc.StatusCode.NOT_FOUND:
                raise self._not_found(details) from error
            if code is grpc.StatusCode.UNIMPLEMENTED:
                raise self._not_understood(details) from error
            raise self._refused(details) from error


class Rest(_Transport):
    """REST; the address is `http://host:port`.

    Raises:
        UserError: the address is no URL.
    """

    def __init__(self, address, model, timeout):
        super().__init__(address, model, timeout)
        try:
            url = httpx2.URL(address)
        except httpx2.InvalidURL as error:
            raise UserError(f"{address}: no address of a server ({error})") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise UserError(f"{address}: a REST address is http://HOST:PORT")
        self._client = httpx2.Client(base_url=url, timeout=timeout)

    def predict(self, inputs, outputs, signature, version):
        """As `Grpc.predict`."""
        body = {
            "signature_name": signature,
            "inputs": {name: _json_values(array) for name, array in inputs.items()},
        }
        answer = self._call("POST", f"{self._path(version)}:predict", body)
        try:
            values = answer["outputs"]
            if len(outputs) == 1:  # a single output comes without its name
                values = dict.fromkeys(outputs, values)
            return {name: _decoded(name, values[name]) for name in outputs}
        except (KeyError, TypeError, ValueError) as error:
            raise self._not_understood(f"{type(error).__name__}: {error}") from error

    def status(self):
        """As `Grpc.status`."""
        answer = self._call("GET", self._path(None))
        return self._parsed(answer, get_model_status_pb2.GetModelStatusResponse())

    def metadata(self, version):
        """As `Grpc.metadata`."""
        answer = self._call("GET", f"{self._path(version)}/metadata")
        try:
            number = int(answer["model_spec"]["version"])
            signatures = answer["metadata"][_SIGNATURE_DEF]
        except (KeyError, TypeError, ValueError) as error:
            raise self._not_understood("no signatures") from error
        return number, self._parsed(signatures, get_model_metadata_pb2.SignatureDefMap())

    def close(self):
        """Closes the connection."""
        self._client.close()

    def _path(self, version):
        path = f"v1/models/{quote(self._model, safe='')}"
        return path if version is None else f"{path}/versions/{version}"

    def _call(self, method, path, body=None):
        try:
            response = self._client.request(method, path, json=body)
        except httpx2.TimeoutException as error:
            raise self._timed_out() from error
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        except httpx2.RequestError as error:
            raise self._not_understood(error) from error
        try:
            answer = json.loads(response.content.decode("utf-8", "replace"))
            reason = None if response.is_success else answer["error"]
        except (ValueError, KeyError, TypeError) as error:
            raise self._not_understood(f"HTTP {response.status_code}") from error
        if response.status_code == httpx2.codes.NOT_FOUND:
            raise self._not_found(reason)
        if reason is not None:
            raise self._refused(reason)
        return answer

    def _parsed(self, answer, message):
        try:
            return json_format.ParseDict(answer, message, ignore_unknown_fields=True)
        except (json_format.ParseError, TypeError, AttributeError) as error:
            raise self._not_understood(error) from error


TRANSPORTS = {"grpc": Grpc, "rest": Rest}


def _values(name, array):
    """An array as nested lists."""
    if array.dtype != object:
        return plain(array)
    if name.endswith(BYTES_SUFFIX):
        return array.tolist()
    return nested(array.tolist(), lambda string: string.decode("utf-8", "replace"))


def _json_values(array):
    """An array as REST takes it; strings that are not UTF-8 in base64."""
    return plain(array) if array.dtype != object else nested(array.tolist(), _json_string)


def _json_string(string):
    try:
        return string.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(string).decode("ascii")}


def _decoded(name, values):
    """Values that came by REST, with base64 read."""
    if not name.endswith(BYTES_SUFFIX):
        return values
    try:
        return nested(values, lambda value: base64.b64decode(value["b64"], validate=True))
    except binascii.Error as error:
        raise ValueError(f"output {name} is not base64") from error


def _one_line(reason):
    return " ".join(str(reason).split())
