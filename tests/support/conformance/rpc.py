"""What the gRPC interface has to answer to the stock stubs."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from zoo.serving.protobufs import (
    DATA_TYPES,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    to_array,
    to_tensor_proto,
)

from .exchanges import ABSENT, ABSENT_VERSION, TIMEOUT, TOLERANCE


def predict(host, grpc_port, rest_port, expected):
    with _channel(host, grpc_port) as channel:
        for exchange in expected.exchanges:
            response = _predict(channel, expected.model, exchange)
            _assert_arrays(response.outputs, exchange.outputs)
            assert response.model_spec.name == expected.model
            assert response.model_spec.signature_name == exchange.signature
            assert response.model_spec.version.value == max(expected.versions)


def predict_the_default_signature(host, grpc_port, rest_port, expected):
    with _channel(host, grpc_port) as channel:
        response = _predict(channel, expected.model, expected.default, signature="")
    _assert_arrays(response.outputs, expected.default.outputs)
    assert response.model_spec.signature_name == "serving_default"


def predict_version(host, grpc_port, rest_port, expected):
    with _channel(host, grpc_port) as channel:
        for version in expected.versions:
            response = _predict(channel, expected.model, expected.default, version=version)
            _assert_arrays(response.outputs, expected.default.outputs)
            assert response.model_spec.version.value == version


def predict_some_outputs(host, grpc_port, rest_port, expected):
    with _channel(host, grpc_port) as channel:
        for name, array in expected.default.outputs.items():
            response = _predict(channel, expected.model, expected.default, output_filter=[name])
            _assert_arrays(response.outputs, {name: array})


def predict_errors(host, grpc_port, rest_port, expected):
    exchange, model = expected.default, expected.model
    name = next(iter(exchange.inputs))
    without = {key: array for key, array in exchange.inputs.items() if key != name}
    with _channel(host, grpc_port) as channel:

        def refused(code, model=model, **changes):
            with pytest.raises(grpc.RpcError) as refusal:
                _predict(channel, model, exchange, **changes)
            assert refusal.value.code() == code, refusal.value.details()
            return refusal.value.details()

        assert refused(grpc.StatusCode.FAILED_PRECONDITION, signature=ABSENT) == (
            f'Serving signature key "{ABSENT}" not found.'
        )
        assert refused(grpc.StatusCode.NOT_FOUND, model=ABSENT) == (
            f"Servable not found for request: Latest({ABSENT})"
        )
        assert refused(grpc.StatusCode.NOT_FOUND, version=ABSENT_VERSION) == (
            f"Servable not found for request: Specific({model}, {ABSENT_VERSION})"
        )
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        details = refused(invalid, inputs=without)
        assert details.startswith("input size does not match signature: ")
        assert f"Missing but required: {{{name}}}" in details
        assert refused(invalid, inputs=exchange.inputs | {ABSENT: np.zeros(1)}).startswith(
            "input size does not match signature: "
        )
        assert ABSENT in refused(invalid, inputs=without | {ABSENT: exchange.inputs[name]})
        assert ABSENT in refused(invalid, output_filter=[ABSENT])
        # Complex numbers: no signature here takes them.
        size = len(exchange.inputs[name])
        refused(invalid, inputs=without | {name: np.zeros(size, "complex64")})


def status(host, grpc_port, rest_port, expected):
    with _channel(host, grpc_port) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = expected.model
        status = stub.GetModelStatus(request, timeout=TIMEOUT).model_version_status
        available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        assert {s.version for s in status if s.state == available} == {*expected.versions}
        request.model_spec.name = ABSENT
        with pytest.raises(grpc.RpcError) as refusal:
            stub.GetModelStatus(request, timeout=TIMEOUT)
        assert refusal.value.code() == grpc.StatusCode.NOT_FOUND


def metadata(host, grpc_port, rest_port, expected):
    with _channel(host, grpc_port) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = get_model_metadata_pb2.GetModelMetadataRequest()
        request.model_spec.name = expected.model
        with pytest.raises(grpc.RpcError) as refusal:
            stub.GetModelMetadata(request, timeout=TIMEOUT)
        assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        request.metadata_field.append("signature_def")
        response = stub.GetModelMetadata(request, timeout=TIMEOUT)
    assert response.model_spec.name == expected.model
    assert response.model_spec.version.value == max(expected.versions)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    for exchange in expected.exchanges:
        signature = signatures.signature_def[exchange.signature]
        for arrays, infos in (
            (exchange.inputs, signature.inputs),
            (exchange.outputs, signature.outputs),
        ):
            assert {name: info.dtype for name, info in infos.items()} == {
                name: DATA_TYPES[array.dtype] for name, array in arrays.items()
            }


def many_clients_at_once(host, grpc_port, rest_port, expected):
    """Each gets its own answer, also where a server joins requests of unequal sizes."""
    rows = [e.row(i) for e in expected.exchanges for i in range(len(next(iter(e.inputs.values()))))]
    work = [*rows, *expected.exchanges] * 3
    with _channel(host, grpc_port) as channel:

        def ask(exchange):
            return _predict(channel, expected.model, exchange)

        with ThreadPoolExecutor(8) as clients:
            for exchange, response in zip(work, clients.map(ask, work), strict=True):
                _assert_arrays(response.outputs, exchange.outputs)


def _channel(host, port):
    options = [("grpc.enable_http_proxy", 0)]  # a proxy could not reach a server of the tests
    return grpc.insecure_channel(f"{host}:{port}", options)


def _predict(channel, model, exchange, *, signature=None, inputs=None, version=None, **fields):
    request = predict_pb2.PredictRequest(**fields)
    request.model_spec.name = model
    request.model_spec.signature_name = exchange.signature if signature is None else signature
    if version is not None:
        request.model_spec.version.value = version
    for name, array in (exchange.inputs if inputs is None else inputs).items():
        request.inputs[name].CopyFrom(to_tensor_proto(array))
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    return stub.Predict(request, timeout=TIMEOUT, wait_for_ready=True)


def _assert_arrays(outputs, expected):
    assert outputs.keys() == expected.keys()
    for name, array in expected.items():
        found = to_array(outputs[name])
        assert (found.dtype, found.shape) == (array.dtype, array.shape), name
        if array.dtype.kind == "O":
            assert found.tolist() == array.tolist(), name
        else:
            np.testing.assert_allclose(found, array, TOLERANCE, TOLERANCE, err_msg=name)
