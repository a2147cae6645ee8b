"""What the REST interface has to answer."""

import base64
import contextlib

import numpy as np
import requests
from zoo.serving.protobufs import DATA_TYPES, types_pb2

from .exchanges import ABSENT, ABSENT_VERSION, TIMEOUT, TOLERANCE

HTTP = requests.Session()
HTTP.trust_env = False  # a proxy could not reach a server of the tests


def predict_rows(host, grpc_port, rest_port, expected):
    for exchange in expected.exchanges:
        body = {"signature_name": exchange.signature, "instances": _rows(exchange.inputs)}
        answer = _post(host, rest_port, expected.model, body)
        assert list(answer) == ["predictions"]
        _assert_rows(answer["predictions"], exchange.outputs)


def predict_columns(host, grpc_port, rest_port, expected):
    for exchange in expected.exchanges:
        inputs = {name: _json(array.tolist()) for name, array in exchange.inputs.items()}
        body = {"signature_name": exchange.signature, "inputs": inputs}
        answer = _post(host, rest_port, expected.model, body)
        assert list(answer) == ["outputs"]
        _assert_columns(answer["outputs"], exchange.outputs)


def predict_one_input_without_its_name(host, grpc_port, rest_port, expected):
    for exchange in expected.exchanges:
        if len(exchange.inputs) > 1:
            continue
        (array,) = exchange.inputs.values()
        body = {"signature_name": exchange.signature, "instances": _json(array.tolist())}
        answer = _post(host, rest_port, expected.model, body)
        _assert_rows(answer["predictions"], exchange.outputs)
        body = {"signature_name": exchange.signature, "inputs": _json(array.tolist())}
        answer = _post(host, rest_port, expected.model, body)
        _assert_columns(answer["outputs"], exchange.outputs)


def predict_base64(host, grpc_port, rest_port, expected):
    exchange = expected.default
    inputs = {
        name: [{"b64": base64.b64encode(value).decode()} for value in array]
        for name, array in exchange.inputs.items()
        if array.dtype.kind == "O"
    }
    assert inputs.keys() == exchange.inputs.keys(), "the default signature takes strings"
    answer = _post(host, rest_port, expected.model, {"inputs": inputs})
    _assert_columns(answer["outputs"], exchange.outputs)


def predict_version(host, grpc_port, rest_port, expected):
    exchange = expected.default
    for version in expected.versions:
        path = f"{expected.model}/versions/{version}"
        answer = _post(host, rest_port, path, {"instances": _rows(exchange.inputs)})
        _assert_rows(answer["predictions"], exchange.outputs)


def predict_errors(host, grpc_port, rest_port, expected):
    rows = _rows(expected.default.inputs)

    def refused(status, model, body):
        response = HTTP.post(_url(host, rest_port, f"{model}:predict"), **body, timeout=TIMEOUT)
        return _error(response, status)

    body = {"json": {"signature_name": ABSENT, "instances": rows}}
    assert refused(400, expected.model, body) == (
        f'Serving signature name: "{ABSENT}" not found in signature def'
    )
    body = {"json": {"instances": rows}}
    assert refused(404, ABSENT, body) == f"Servable not found for request: Latest({ABSENT})"
    assert refused(404, f"{expected.model}/versions/{ABSENT_VERSION}", body) == (
        f"Servable not found for request: Specific({expected.model}, {ABSENT_VERSION})"
    )
    assert refused(400, expected.model, {"json": {"instances": [{ABSENT: 1}]}})
    assert refused(400, expected.model, {"json": {"instances": []}})
    assert refused(400, expected.model, {"json": {}})
    assert refused(400, expected.model, {"json": {"instances": rows, "inputs": {}}})
    assert refused(400, expected.model, {"data": "{"})
    assert refused(400, expected.model, {"json": {"instances": [12.5]}})  # not a string


def malformed_requests(host, grpc_port, rest_port, expected):
    path = f"{expected.model}:no_such_method"
    response = HTTP.post(_url(host, rest_port, path), json={}, timeout=TIMEOUT)
    assert _error(response, 400).startswith("Malformed request: POST /v1/models/")
    response = HTTP.get(_url(host, rest_port, f"{expected.model}:predict"), timeout=TIMEOUT)
    assert _error(response, 400).startswith("Malformed request: GET /v1/models/")


def status(host, grpc_port, rest_port, expected):
    status = _get(host, rest_port, expected.model)["model_version_status"]
    available = {entry["version"] for entry in status if entry["state"] == "AVAILABLE"}
    assert available == {str(version) for version in expected.versions}
    for version in expected.versions:
        answer = _get(host, rest_port, f"{expected.model}/versions/{version}")
        assert answer == {
            "model_version_status": [
                {
                    "version": str(version),
                    "state": "AVAILABLE",
                    "status": {"error_code": "OK", "error_message": ""},
                }
            ]
        }
    for path in (ABSENT, f"{expected.model}/versions/{ABSENT_VERSION}"):
        response = HTTP.get(_url(host, rest_port, path), timeout=TIMEOUT)
        assert _error(response, 404).startswith("Could not find ")


def metadata(host, grpc_port, rest_port, expected):
    answer = _get(host, rest_port, f"{expected.model}/metadata")
    spec = answer["model_spec"]
    assert (spec["name"], spec["version"]) == (expected.model, str(max(expected.versions)))
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    for exchange in expected.exchanges:
        signature = signatures[exchange.signature]
        assert signature["method_name"] == "tensorflow/serving/predict"
        for arrays, infos in (
            (exchange.inputs, signature["inputs"]),
            (exchange.outputs, signature["outputs"]),
        ):
            assert infos.keys() == arrays.keys()
            for name, array in arrays.items():
                dimensions = infos[name]["tensor_shape"]["dim"]
                assert infos[name]["dtype"] == types_pb2.DataType.Name(DATA_TYPES[array.dtype])
                assert infos[name]["tensor_shape"]["unknown_rank"] is False
                assert len(dimensions) == array.ndim
                assert dimensions[0]["size"] == "-1", "of any batch size"


def _url(host, port, path):
    return f"http://{host}:{port}/v1/models/{path}"


def _get(host, port, path):
    response = HTTP.get(_url(host, port, path), timeout=TIMEOUT)
    assert response.status_code == 200, response.text
    return response.json()


def _post(host, port, path, body):
    response = HTTP.post(_url(host, port, f"{path}:predict"), json=body, timeout=TIMEOUT)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"].partition(";")[0] == "application/json"
    return response.json()


def _error(response, status):
    assert response.status_code == status, response.text
    (key,) = response.json()
    assert key == "error"
    return response.json()["error"]


def _json(value):
    """An array's values as JSON takes them: text as it is, other bytes as base64."""
    if isinstance(value, list):
        return [_json(part) for part in value]
    if not isinstance(value, bytes):
        return value
    with contextlib.suppress(UnicodeDecodeError):
        return value.decode()
    return {"b64": base64.b64encode(value).decode()}


def _rows(arrays):
    columns = {name: _json(array.tolist()) for name, array in arrays.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _assert_rows(predictions, outputs):
    size = len(next(iter(outputs.values())))
    assert len(predictions) == size
    if len(outputs) == 1:  # its name is left out
        predictions = [dict.fromkeys(outputs, prediction) for prediction in predictions]
    for name, array in outputs.items():
        _assert_values(name, [prediction[name] for prediction in predictions], array)
    assert all(prediction.keys() == outputs.keys() for prediction in predictions)


def _assert_columns(answer, outputs):
    if len(outputs) == 1:  # its name is left out
        answer = dict.fromkeys(outputs, answer)
    assert answer.keys() == outputs.keys()
    for name, array in outputs.items():
        _assert_values(name, answer[name], array)


def _assert_values(name, values, array):
    """Compares nested lists of JSON with the array that they stand for."""
    if array.dtype.kind == "O":
        if name.endswith("_bytes"):
            values = [base64.b64decode(value["b64"]) for value in values]
        else:
            values = [value.encode() for value in values]
        assert values == array.tolist(), name
    else:
        found = np.array(values)
        assert found.shape == array.shape, name
        assert (found.dtype.kind == "f") == (array.dtype.kind == "f"), name
        np.testing.assert_allclose(found, array, TOLERANCE, TOLERANCE, err_msg=name)
