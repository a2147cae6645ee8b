"""The development server: answers REST like TensorFlow Serving, for trying models out.

It serves the highest version of each model, and others by their numbers. It has no gRPC, reads no
policies and labels of versions, does not join requests to batches and exports no metrics: in
production, use TensorFlow Serving.
"""

import contextlib
import logging
import os
import signal
import sys
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import tensorflow as tf
import uvicorn
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from zoo.serving.server import documents, ports
from zoo.serving.server.models import Model

NAME = "zoo-development-server"
"""What it calls itself, in the header `Server` of every answer."""

REQUEST_BYTES = 16 * 2**20  # that a request may have at most
_REQUESTS = 256  # at the same time; more are refused
_STOP_SECONDS = 30  # for requests under way when the server is stopped
_DEFAULT_SIGNATURE = "serving_default"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_STATUS = {  # of errors; 500 of all others
    LookupError: 404,
    ValueError: 400,
    tf.errors.InvalidArgumentError: 400,
    tf.errors.FailedPreconditionError: 400,
    tf.errors.OutOfRangeError: 400,
    tf.errors.UnimplementedError: 501,
}
_LOG = logging.getLogger(__name__)

Answer = Callable[[Model, int | None, bytes], dict[str, Any]]


def application(models: Sequence[Model], request_bytes: int = REQUEST_BYTES) -> Starlette:
    """The REST interface of models, as an ASGI application."""
    served = {model.name: model for model in models}

    def answering(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        """Runs `answer` in a thread, which may be busy with it for long."""

        async def endpoint(request: Request) -> Response:
            body = await _read_body(request, request_bytes)
            name, number = request.path_params["name"], request.path_params.get("version")
            model = served.get(name) or Model(name, os.devnull)  # where no versions are
            return _response(await run_in_threadpool(answer, model, number, body))

        return endpoint

    def health(request: Request) -> Response:  # 200 once every model answers
        try:
            for model in models:
                model.version()
        except LookupError:
            return _response({"status": "loading", "server": NAME}, 503)
        return _response({"status": "ready", "server": NAME})

    def malformed(request: Request) -> Response:
        raise HTTPException(400, f"Malformed request: {request.method} {request.url.path}")

    paths = [f"/v1/models/{{name}}{version}" for version in ("", "/versions/{version:int}")]
    status = answering(lambda model, number, _: model.status(number))
    routes = [
        Route("/healthz", health),
        *(Route(f"{path}:predict", answering(_predict), methods=["POST"]) for path in paths),
        Route("/v1/models/{name}:{method}", malformed, methods=_METHODS),
        *(Route(f"{path}/metadata", answering(_metadata)) for path in paths),
        *(Route(path, status) for path in paths),
        Route("/v1/{path:path}", malformed, methods=_METHODS),
    ]
    handlers: Any = dict.fromkeys((*_STATUS, HTTPException, Exception), _failure)
    return Starlette(routes=routes, exception_handlers=handlers)


def server(models: Sequence[Model], request_bytes: int = REQUEST_BYTES) -> uvicorn.Server:
    """The application in a server, which is yet to be run on a socket."""
    config = uvicorn.Config(
        application(models, request_bytes),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        headers=[("Server", NAME)],
        limit_concurrency=_REQUESTS,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    return uvicorn.Server(config)


def run(configs: Sequence[ModelConfig], host: str, port: int) -> None:
    """Serves until the process gets SIGINT or SIGTERM.

    Args:
        configs: the models, with distinct names.
        host: name or address of the interface to listen on.
        port: of REST.

    Raises:
        UserError: the port cannot be had.
    """
    logging.basicConfig(format=f"%(asctime)s {NAME} %(levelname)s %(message)s")
    logging.getLogger(__package__).setLevel(logging.INFO)
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn takes them, and raises them at the end
        signal.signal(number, lambda *_: sys.exit(0))
    with ports.listen(host, port) as listener:
        _LOG.warning("development server, to try models out; in production use TensorFlow Serving")
        models = [Model(config.name, config.base_path) for config in configs]
        for model in models:
            with contextlib.suppress(LookupError):  # whose reason has been logged
                model.version()
        _LOG.info("REST on http://%s, no gRPC; stop with Control-C", ports.address(host, port))
        server(models).run(sockets=[listener])


def _predict(model: Model, number: int | None, body: bytes) -> dict[str, Any]:
    document = documents.parse(body)
    name = document.get("signature_name") or _DEFAULT_SIGNATURE
    _, version = model.version(number)
    if name not in version.signatures:
        raise ValueError(f'Serving signature name: "{name}" not found in signature def')
    inputs, in_rows = documents.read_inputs(document, version.signatures[name].inputs)
    return documents.prediction(version.run(name, inputs), in_rows)


def _metadata(model: Model, number: int | None, _: bytes) -> dict[str, Any]:
    number, version = model.version(number)
    options = {
        "preserving_proto_field_name": True,
        "always_print_fields_with_no_presence": True,
    }
    signatures = {
        name: json_format.MessageToDict(definition, **options)
        for name, definition in version.meta_graph.signature_def.items()
    }
    return {
        "model_spec": {"name": model.name, "signature_name": "", "version": str(number)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


async def _read_body(request: Request, limit: int) -> bytes:
    """The body of a request, unpacked."""
    too_large = HTTPException(413, f"the request is larger than {limit} bytes")
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limit:
            raise too_large
    encoding = request.headers.get("content-encoding", "identity")
    if encoding == "identity":
        return bytes(received)
    if encoding != "gzip":
        raise HTTPException(415, f"the content encoding {encoding} is not supported")
    try:
        body = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(received, limit + 1)
    except zlib.error as error:
        raise HTTPException(400, f"the request is not gzip: {error}") from error
    if len(body) > limit:
        raise too_large
    return body


async def _failure(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return _response({"error": error.detail}, error.status_code)
    message = error.message if isinstance(error, tf.errors.OpError) else str(error)
    return _response({"error": message or type(error).__name__}, _STATUS.get(type(error), 500))


def _response(document: dict[str, Any], status: int = 200) -> Response:
    return Response(documents.encode(document), status, media_type="application/json")
