"""Servers for tests, in this process: the development server, and gRPC by the stock servicers."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from zoo.serving.export.warmup import to_tensor_proto
from zoo.serving.server import development, ports
from zoo.serving.server.models import Model


def free_ports():
    with socket.socket() as first, socket.socket() as second:
        for one in (first, second):
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in (first, second)]


def wait_until(condition, process, log, seconds=120):
    """Waits until a function returns something true, as long as a process runs."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < end, f"nothing happened: {log.read_text(errors='replace')}"
        time.sleep(0.02)


@contextlib.contextmanager
def development_server(**folders):
    """Context of the URL of a development server of models by name."""
    server = development.server([Model(name, folder) for name, folder in folders.items()])
    with ports.listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def grpc_server(**folders):
    """Context of the address of a server of `PredictionService` and `ModelService`."""
    services = _Services()
    services.models = {name: Model(name, folder) for name, folder in folders.items()}
    server = grpc.server(ThreadPoolExecutor(8))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(services, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(services, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)


class _Services(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    def _find(self, spec, context):
        try:
            number = spec.version.value if spec.HasField("version") else None
            return self.models[spec.name].version(number)
        except LookupError as error:
            return context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found: {error}")

    def Predict(self, request, context):
        _, model = self._find(request.model_spec, context)
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        try:
            outputs = model.run(request.model_spec.signature_name, inputs)
        except tf.errors.OpError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        response = predict_pb2.PredictResponse()
        for name, array in outputs.items():
            response.outputs[name].CopyFrom(to_tensor_proto(array))
        return response

    def GetModelMetadata(self, request, context):
        number, model = self._find(request.model_spec, context)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in model.meta_graph.signature_def.items():
            signatures.signature_def[name].CopyFrom(signature)
        response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=request.model_spec)
        response.model_spec.version.value = number
        response.metadata["signature_def"].Pack(signatures)
        return response

    def GetModelStatus(self, request, context):
        self._find(request.model_spec, context)
        status = self.models[request.model_spec.name].status()
        return json_format.ParseDict(status, get_model_status_pb2.GetModelStatusResponse())


class _Small(tf.Module):
    """Answers that can be told beforehand; `version` is in them."""

    def __init__(self, version):
        super().__init__()
        self.version = tf.Variable(version, dtype=tf.int64)

    def label(self, text):
        long = tf.strings.length(text) > 4
        probability = tf.where(long, 0.2, 0.9)
        return {
            "label": tf.where(long, "long", "short"),
            "probabilities": tf.stack([probability, 1 - probability], axis=1),
            "version": tf.fill(tf.shape(text), self.version),
        }


def _echo(content):
    size = tf.cast(tf.strings.length(content), tf.int64)
    return {"content_bytes": content + "", "text": content + "!", "size": size}


def _busy(steps):
    """Takes as long as it is told."""
    (found,) = tf.while_loop(lambda i: i < tf.reduce_max(steps), lambda i: [i + 1], [0])
    return {"found": tf.fill(tf.shape(steps), found)}


def write_small_model(folder, version):
    """Writes a SavedModel with every kind of signature, without the zoo; returns its folder."""
    model = _Small(version)
    functions = {
        "serving_default": (model.label, {"text": tf.string}),
        "echo": (_echo, {"content": tf.string}),
        "add": (
            lambda x, y: {"total": tf.reduce_sum(x, axis=1) + tf.cast(y, tf.float32)},
            {"x": tf.TensorSpec([None, None], tf.float32, "x"), "y": tf.int32},
        ),
        "divide": (lambda x: {"quotient": x / tf.zeros_like(x)}, {"x": tf.float32}),
        "number": (lambda digits: {"number": tf.strings.to_number(digits)}, {"digits": tf.string}),
        "busy": (_busy, {"steps": tf.int32}),
        "scalar": (lambda x: {"twice": 2 * x}, {"x": tf.TensorSpec([], tf.float32, "x")}),
        "types": (
            lambda flag, big, small: {"not_flag": ~flag, "big_": big + 0, "small_": small + 0},
            {"flag": tf.bool, "big": tf.int64, "small": tf.uint8},
        ),
    }
    signatures = {}
    for name, (function, specs) in functions.items():
        specs = [
            spec if isinstance(spec, tf.TensorSpec) else tf.TensorSpec([None], spec, key)
            for key, spec in specs.items()
        ]
        signatures[name] = tf.function(function, input_signature=specs, autograph=False)
    tf.saved_model.save(model, str(folder), signatures)
    return folder
