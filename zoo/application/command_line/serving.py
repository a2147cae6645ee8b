"""The verbs of `python -m zoo` that serve models and ask them; nothing heavy until they run."""

import contextlib
import itertools
import logging
import os
import tempfile
from dataclasses import dataclass
from typing import Any

from zoo.application.command_line import terminal
from zoo.application.command_line.terminal import as_json
from zoo.application.options import argument, option
from zoo.application.task import Output, Verb
from zoo.errors import UserError
from zoo.predictors.silence import silence_stderr
from zoo.serving import client
from zoo.text.normalization import normalize

_ROWS = 32  # in a request; a server refuses more than its batching.config allows
_HOST = "127.0.0.1"
_URL = "http://localhost:8501"


@dataclass
class ServeOptions:
    """What `serve` takes."""

    models: tuple[str, ...] = option(
        (),
        "An exported folder, or the name or folder of a saved model; can be repeated.",
        name="model",
        what="model",
        required=True,
    )
    port: int = option(8500, "Of gRPC, which only TensorFlow Serving has.", least=1, most=65535)
    rest_port: int = option(8501, "Of REST.", least=1, most=65535)
    host: str | None = option(
        None,
        "Interface of the development server; TensorFlow Serving listens on all.  "
        f"[default: {_HOST}]",
        what="address",
    )
    development: bool = option(
        False, "The zoo's development server, to try models out, instead: REST only.", flag=True
    )


@dataclass
class QueryOptions:
    """What `query` takes."""

    texts: tuple[str, ...] = argument("TEXT... | -")
    model: str = option(None, "Name of the model at the server.", what="name", required=True)
    address: str | None = option(
        None, "HOST:PORT of gRPC, to ask TensorFlow Serving over gRPC instead.", what="address"
    )
    rest: str | None = option(
        None,
        f"http://HOST:PORT of REST, which every server has.  [default: {_URL}]",
        what="address",
    )
    signature: str = option("serving_default", "What to ask the model for.", what="name")
    timeout: float = option(10.0, "Seconds to wait for an answer.", above=0)


def serve(options: ServeOptions, output: Output) -> int:
    """Serves models, until it is interrupted; returns the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # an export is its graph
    terminal.say_what_takes_long()
    with silence_stderr():
        from zoo.serving.server import model_list, model_server

    ports = options.port, options.rest_port
    if options.port == options.rest_port:
        raise UserError(f"--port and --rest-port are both {options.port}: give different ones")
    program = None if options.development else model_server.find()
    if program and options.host:
        raise UserError(
            "TensorFlow Serving listens on every interface: leave --host out, and shield the "
            "ports with a firewall or a container"
        )
    with tempfile.TemporaryDirectory(prefix="zoo-serve-") as folder:
        configs = model_list.resolve(options.models, folder, output.note)
        if program:
            words = model_server.command(program, configs, folder, *ports)
            return model_server.run(words, *ports)
        with silence_stderr():
            from zoo.serving.server import development as server

        with contextlib.suppress(SystemExit):
            server.run(configs, options.host or _HOST, options.rest_port)
    logging.shutdown()
    os._exit(0)  # threads may still be busy, and TensorFlow cannot be interrupted


def query(options: QueryOptions, output: Output) -> dict[str, Any]:
    """Asks a served model, and shows each answer as it comes."""
    if options.address and options.rest:
        raise UserError("--address is of gRPC and --rest of REST: give one of them")
    texts = map(normalize, output.inputs(options.texts))  # an export cannot do so
    predictions = []
    with _client(options.address, options.rest, options.model, options.timeout) as served:
        name = _string_input(served, options.signature)
        while batch := list(itertools.islice(texts, _ROWS)):
            rows = served.predict({name: batch}, options.signature)
            for text, row in zip(batch, rows, strict=True):
                predictions += [{"input": text, **row}] if output.json else []
                output.line(_shown(text, row))
    return {"predictions": predictions}


VERBS = (
    Verb(
        serve,
        "Serve models with TensorFlow Serving, over gRPC and REST.",
        (ServeOptions,),
        result=False,
    ),
    Verb(query, "Ask a served model; - reads lines from stdin.", (QueryOptions,)),
)
"""The verbs of `python -m zoo`, which are of no task."""


def _client(address: str | None, rest: str | None, model: str, timeout: float) -> "client.Client":
    if not address:
        return client.Client(rest or _URL, model, "rest", timeout)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silence_stderr():  # gRPC's messages import TensorFlow
        return client.Client(address, model, "grpc", timeout)


def _string_input(served: "client.Client", signature: str) -> str:
    """The first input of a signature that takes strings."""
    signatures = served.metadata()["signatures"]
    for name, spec in signatures.get(signature, {"inputs": {}})["inputs"].items():
        if spec["dtype"] == "string":
            return name
    asked = f"signature '{signature}' takes no strings"
    if signature not in signatures:
        asked = f"there is no signature '{signature}'"
    raise UserError(f"{asked}: give one of {', '.join(signatures)} with --signature")


def _shown(text: str, row: dict[str, Any]) -> str:
    """A row for people: the label and how probable it is, or whatever else there is."""
    if not isinstance(row.get("label"), str):
        return as_json(row)
    probability = ""
    with contextlib.suppress(KeyError, TypeError, ValueError):
        probability = f" {max(row['probabilities']):.3f}"
    return f"{row['label']:>8}{probability}  {' '.join(text.split())}"
