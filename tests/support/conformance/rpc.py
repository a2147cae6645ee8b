"""What the gRPC interface has to answer to the stock stubs."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from support.exports import assert_alike
from zoo.serving.export.warmup import to_tensor_proto

from .exchanges import ABSENT, ABSENT_VERSION, TIMEOUT


def predict(address, expected):
    with _channel(address) as channel:
        for version in (None, *expected.versions):
            for exchange in expected.exchanges:
                response = _predict(channel, expected.model, exchange, version=version)
                _assert_arrays(response.outputs, exchange.outputs)
                spec = response.model_spec
                assert (spec.name, spec.signature_name) == (expected.model, exchange.signature)
                assert spec.version.value == version or max(expected.versions)
        response = _predict(channel, expected.model, expected.default, signature="")
        assert response.model_spec.signature_name == "serving_default"


def predict_some_outputs(address, expected):
    with _channel(address) as channel:
        for name, array in expected.default.outputs.items():
            response = _predict(channel, expected.model, expected.default, output_filter=[name])
            _assert_arrays(response.outputs, {name: array})


def predict_errors(address, expected):
    exchange, model = expected.default, expected.model
    name = next(iter(exchange.inputs))
    without = {key: array for key, array in exchange.inputs.items() if key != name}
    with _channel(address) as channel:

        def refused(code, model=model, **changes):
            with pytest.raises(grpc.RpcError) as refusal:
                _predict(channel, model, exchange, **changes)
            assert refusal.value.code() == code, refusal.value.details()
            return refusal.value.details()

        details = refused(grpc.StatusCode.FAILED_PRECONDITION, signature=ABSENT)
        assert details == f'Serving signature key "{ABSENT}" not found.'
        details = refused(grpc.StatusCode.NOT_FOUND, model=ABSENT)
        assert details == f"Servable not found for request: Latest({ABSENT})"
        details = refused(grpc.StatusCode.NOT_FOUND, version=ABSENT_VERSION)
        assert details == f"Servable not found for request: Specific({model}, {ABSENT_VERSION})"
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        assert name in refused(invalid, inputs=without)
        assert ABSENT in refused(invalid, inputs=exchange.inputs | {ABSENT: np.zeros(1)})
        # Complex numbers: no signature here takes them.
        size = len(exchange.inputs[name])
        refused(invalid, inputs=without | {name: np.zeros(size, "complex64")})


def status_and_metadata(address, expected):
    with _channel(address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = expected.model
        status = stub.GetModelStatus(request, timeout=TIMEOUT).model_version_status
        available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        assert {s.version for s in status if s.state == available} == {*expected.versions}
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = expected.model
        response = stub.GetModelMetadata(request, timeout=TIMEOUT)
    assert response.model_spec.version.value == max(expected.versions)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    for exchange in expected.exchanges:
        signature = signatures.signature_def[exchange.signature]
        for arrays, infos in (
            (exchange.inputs, signature.inputs),
            (exchange.outputs, signature.outputs),
        ):
            assert {name: tf.as_dtype(info.dtype) for name, info in infos.items()} == {
                name: tf.as_dtype(array.dtype) for name, array in arrays.items()
            }


def many_clients_at_once(address, expected):
    """Each gets its own answer, also where a server joins requests of unequal sizes."""
    rows = [e.row(i) for e in expected.exchanges for i in range(len(next(iter(e.inputs.values()))))]
    work = [*rows, *expected.exchanges]
    with _channel(address) as channel, ThreadPoolExecutor(8) as clients:
        answers = clients.map(lambda exchange: _predict(channel, expected.model, exchange), work)
        for exchange, response in zip(work, answers, strict=True):
            _assert_arrays(response.outputs, exchange.outputs)


def _channel(address):
    options = [("grpc.enable_http_proxy", 0)]  # a proxy could not reach a server of the tests
    return grpc.insecure_channel(address, options)


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
    assert_alike({name: tf.make_ndarray(proto) for name, proto in outputs.items()}, expected)
