"""The development server: answers REST like TensorFlow Serving, for trying models out.

It serves the highest version of each model, and others by their numbers. It has no gRPC, reads no
policies and labels of versions, does not join requests to batches and exports no metrics: in
production, use TensorFlow Serving.
"""

import contextlib
import functools
import json
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import tensorflow as tf
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from zoo.serving.client.rpc import as_rest
from zoo.serving.server import documents, ports
from zoo.serving.server.models import Model

NAME = "zoo-development-server"
"""What it calls itself, in the header `Server` of every answer."""

_AT_ONCE = 8  # requests that a model is busy with; others wait
_MOST_BYTES = 2**26  # of the body of a request
_STOP_SECONDS = 5  # for requests under way when the server is stopped
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


def server(models: Sequence[Model], hosts: Sequence[str] = ("*",)) -> uvicorn.Server:
    """A server of the REST interface of models, which is yet to be run on a socket.

    It answers requests for one of `hosts`, so that no page in a browser reaches it by a name of
    its own.
    """
    served = {model.name: model for model in models}
    # Threads of each model's own, so that one that is busy for long stalls no other.
    threads = {model.name: anyio.CapacityLimiter(_AT_ONCE) for model in models}

    def answering(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if request.headers.get("content-encoding", "identity") != "identity":
                raise HTTPException(415, "packed requests are not read: send the JSON as it is")
            name, number = request.path_params["name"], request.path_params.get("version")
            model = served.get(name) or Model(name, os.devnull)  # where no versions are
            work = functools.partial(answer, model, number, await request.body())
            return _response(await anyio.to_thread.run_sync(work, limiter=threads.get(name)))

        return endpoint

    def health(request: Request) -> Response:  # 200 once every model answers
        try:
            for model in models:
                model.version()
        except LookupError:
            return _response({"status": "loading", "server": NAME}, 503)
        return _response({"status": "ready", "server": NAME})

    def malformed(request: Request) -> Response:
        raise HTTPException(404)

    paths = [f"/v1/models/{{name}}{version}" for version in ("", "/versions/{version:int}")]
    status = answering(lambda model, number, _: model.status(number))
    routes = [
        Route("/healthz", health),
        *(Route(f"{path}:predict", answering(_predict), methods=["POST"]) for path in paths),
        Route("/v1/models/{name}:{method}", malformed),
        *(Route(f"{path}/metadata", answering(_metadata)) for path in paths),
        *(Route(path, status) for path in paths),
    ]
    handlers: Any = dict.fromkeys((*_STATUS, HTTPException, Exception), _failure)
    config = uvicorn.Config(
        Starlette(
            routes=routes,
            exception_handlers=handlers,
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)],
            max_body_size=_MOST_BYTES,
        ),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        headers=[("Server", NAME)],
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    return uvicorn.Server(config)


def run(configs: Sequence[ModelConfig], host: str, port: int) -> None:
    """Serves models of distinct names by REST, until the process gets SIGINT or SIGTERM.

    A UserError says that the port cannot be had.
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
        server(models, _names_of(host)).run(sockets=[listener])


def _names_of(host: str) -> list[str]:
    """What clients may call this server: as it was told, by the names of the machine, or local."""
    names = {host, "localhost", "127.0.0.1", "::1", socket.gethostname(), socket.getfqdn()}
    if host in ("0.0.0.0", "::"):
        with contextlib.suppress(OSError):
            names |= {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)}
    return sorted(name.strip("[]").lower() for name in names)


def _predict(model: Model, number: int | None, body: bytes) -> dict[str, Any]:
    document = documents.parse(body)
    name = document.get("signature_name") or "serving_default"
    _, version = model.version(number)
    if name not in version.signatures:
        raise ValueError(f'Serving signature name: "{name}" not found in signature def')
    inputs, in_rows = documents.read_inputs(document, version.signatures[name].inputs)
    return documents.prediction(version.run(name, inputs), in_rows)


def _metadata(model: Model, number: int | None, _: bytes) -> dict[str, Any]:
    number, version = model.version(number)
    signatures = {name: as_rest(s) for name, s in version.meta_graph.signature_def.items()}
    return {
        "model_spec": {"name": model.name, "signature_name": "", "version": str(number)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


async def _failure(request: Request, error: Exception) -> Response:
    path = request.url.path
    if isinstance(error, HTTPException):
        if path.startswith("/v1/") and error.status_code in (
            404,
            405,
        ):  # as TensorFlow Serving says of any path or method it has not
            return _response({"error": f"Malformed request: {request.method} {path}"}, 400)
        return _response({"error": error.detail}, error.status_code)
    message = error.message if isinstance(error, tf.errors.OpError) else str(error)
    if asserted := re.search(r"assertion failed: \[(.*?)\]", message):
        message = asserted[1]  # what an export says of its limits, without TensorFlow's trace
    return _response({"error": message or type(error).__name__}, _STATUS.get(type(error), 500))


def _response(document: dict[str, Any], status: int = 200) -> Response:
    """NaN and Infinity are written so, as TensorFlow Serving does, although JSON has none."""
    return Response(json.dumps(document), status, media_type="application/json")
