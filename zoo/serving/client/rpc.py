"""Requests by gRPC, with the stubs of TensorFlow Serving, which import TensorFlow."""

from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format, message
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from zoo.errors import UserError
from zoo.serving.arrays import output_values
from zoo.serving.client.transport import SIGNATURE_DEF, Transport
from zoo.serving.export.warmup import to_tensor_proto

_KINDS = {
    grpc.StatusCode.UNAVAILABLE: "unreachable",
    grpc.StatusCode.DEADLINE_EXCEEDED: "timed out",
    grpc.StatusCode.NOT_FOUND: "not found",
    grpc.StatusCode.UNIMPLEMENTED: "not understood",
}


class Grpc(Transport):
    """gRPC; the address is `host:port`."""

    def __init__(self, address: str, model: str, timeout: float):
        super().__init__(address, model, timeout)
        if "://" in address:
            raise UserError(
                f"{address}: a gRPC address is HOST:PORT, without http:// (--rest takes a URL)"
            )
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = grpc.insecure_channel(address, options=unlimited)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(
        self, inputs: dict[str, np.ndarray], outputs: list[str], signature: str, version: int | None
    ) -> dict[str, Any]:
        request = predict_pb2.PredictRequest(model_spec=self._spec(version))
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(to_tensor_proto(array))
        response = self._call(self._predictions.Predict, request)
        try:
            arrays = {name: tf.make_ndarray(response.outputs[name]) for name in outputs}
            return {name: output_values(name, array) for name, array in arrays.items()}
        except (TypeError, ValueError) as error:
            raise self.error("not understood", error) from error

    def status(self) -> dict[str, Any]:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=self._spec(None))
        return as_rest(self._call(self._models.GetModelStatus, request))

    def metadata(self, version: int | None) -> dict[str, Any]:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=self._spec(version), metadata_field=[SIGNATURE_DEF]
        )
        response = self._call(self._predictions.GetModelMetadata, request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        if not response.metadata[SIGNATURE_DEF].Unpack(signatures):
            raise self.error("not understood", "no signatures")
        found = {SIGNATURE_DEF: as_rest(signatures)}
        return {"model_spec": as_rest(response.model_spec), "metadata": found}

    def close(self) -> None:
        self._channel.close()

    def _spec(self, version: int | None) -> model_pb2.ModelSpec:
        spec = model_pb2.ModelSpec(name=self._model)
        if version is not None:
            spec.version.value = version
        return spec

    def _call(self, method: grpc.UnaryUnaryMultiCallable, request: message.Message) -> Any:
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            kind = _KINDS.get(error.code(), "refused")
            raise self.error(kind, error.details() or error.code().name) from error


def as_rest(content: message.Message) -> dict[str, Any]:
    """A message as the server's REST interface writes it."""
    return json_format.MessageToDict(
        content, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
