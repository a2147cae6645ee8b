"""The verbs of `python -m zoo` that serve models and ask them; nothing heavy until they run."""

import contextlib
import itertools
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import click

from zoo.application.command_line import parameters, terminal
from zoo.errors import UserError
from zoo.serving.arrays import to_base64
from zoo.serving.client import Client
from zoo.serving.export.silence import silence_stderr

_ROWS = 32  # in a request; a server refuses more than its batching.config allows
_HOST = "127.0.0.1"
_URL = "http://localhost:8501"


def serve() -> click.Command:
    """The command `serve`."""
    return click.Command(
        "serve",
        callback=_serve,
        params=[
            click.Option(
                ["--model", "models"],
                type=parameters.Text("model"),
                multiple=True,
                required=True,
                help="An exported folder, or the name or folder of a saved model; can be repeated.",
            ),
            _port("--port", 8500, "Of gRPC, which only TensorFlow Serving has."),
            _port("--rest-port", 8501, "Of REST."),
            click.Option(
                ["--host"],
                type=parameters.Text("address"),
                help="Interface of the development server; TensorFlow Serving listens on all.  "
                f"[default: {_HOST}]",
            ),
            click.Option(
                ["--development"],
                is_flag=True,
                help="The zoo's development server, to try models out, instead: REST only.",
            ),
        ],
        help="Serve models with TensorFlow Serving, over gRPC and REST.",
        context_settings={"help_option_names": parameters.HELP},
    )


def query() -> click.Command:
    """The command `query`."""
    return click.Command(
        "query",
        callback=_query,
        params=[
            click.Argument(["texts"], nargs=-1, required=True, metavar="TEXT... | -"),
            click.Option(
                ["--model"],
                type=parameters.Text("name"),
                required=True,
                help="Name of the model at the server.",
            ),
            click.Option(
                ["--address"],
                type=parameters.Text("address"),
                help="HOST:PORT of gRPC, to ask TensorFlow Serving over gRPC instead.",
            ),
            click.Option(
                ["--rest"],
                type=parameters.Text("address"),
                help=f"http://HOST:PORT of REST, which every server has.  [default: {_URL}]",
            ),
            click.Option(
                ["--signature"],
                type=parameters.Text("name"),
                default="serving_default",
                show_default=True,
                help="What to ask the model for.",
            ),
            click.Option(
                ["--timeout"],
                type=click.FloatRange(0, min_open=True),
                default=10.0,
                show_default=True,
                help="Seconds to wait for an answer.",
            ),
            parameters.as_json(),
        ],
        help="Ask a served model; - reads lines from stdin.",
        context_settings={"help_option_names": parameters.HELP},
    )


def _port(name: str, default: int, help_text: str) -> click.Option:
    return click.Option(
        [name],
        type=click.IntRange(1, 65535),
        default=default,
        show_default=True,
        help=help_text,
    )


def _serve(
    models: tuple[str, ...], port: int, rest_port: int, host: str | None, development: bool
) -> int:
    from zoo.serving.server import model_list, model_server

    if port == rest_port:
        raise UserError(f"--port and --rest-port are both {port}: give different ones")
    program = None if development else model_server.find()
    if program and host:
        raise UserError(
            "TensorFlow Serving listens on every interface: leave --host out, and shield the "
            "ports with a firewall or a container"
        )
    with tempfile.TemporaryDirectory(prefix="zoo-serve-") as folder:
        configs = model_list.resolve(models, folder, lambda line: click.echo(line, err=True))
        if program:
            words = model_server.command(program, configs, folder, port, rest_port)
            return model_server.run(words, port, rest_port)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with silence_stderr():
            from zoo.serving.server import development as server

        server.run(configs, host or _HOST, rest_port)
        return 0


def _query(
    texts: tuple[str, ...],
    model: str,
    address: str | None,
    rest: str | None,
    signature: str,
    timeout: float,
    as_json: bool,
) -> None:
    if address and rest:
        raise UserError("--address is of gRPC and --rest of REST: give one of them")
    lines = terminal.read_inputs(texts)
    predictions = []
    with _client(address, rest, model, timeout) as client:
        name = _string_input(client, signature)
        for batch in _batches(lines):
            for text, row in zip(batch, client.predict({name: batch}, signature), strict=True):
                if as_json:
                    predictions.append({"input": text, **row})
                else:
                    click.echo(_shown(text, row))
    if as_json:
        click.echo(_json({"predictions": predictions}))


def _client(address: str | None, rest: str | None, model: str, timeout: float) -> Client:
    if not address:
        return Client(rest or _URL, model, "rest", timeout)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silence_stderr():  # gRPC's messages import TensorFlow
        return Client(address, model, "grpc", timeout)


def _string_input(client: Client, signature: str) -> str:
    """The first input of a signature that takes strings."""
    signatures = client.metadata()["signatures"]
    for name, spec in signatures.get(signature, {"inputs": {}})["inputs"].items():
        if spec["dtype"] == "string":
            return name
    asked = f"signature '{signature}' takes no strings"
    if signature not in signatures:
        asked = f"there is no signature '{signature}'"
    raise UserError(f"{asked}: give one of {', '.join(signatures)} with --signature")


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(texts)
    while batch := list(itertools.islice(remaining, _ROWS)):
        yield batch


def _shown(text: str, row: dict[str, Any]) -> str:
    """A row for people: the label and how probable it is, or whatever else there is."""
    if not isinstance(row.get("label"), str):
        return _json(row)
    probability = ""
    with contextlib.suppress(KeyError, TypeError, ValueError):
        probability = f" {max(row['probabilities']):.3f}"
    return f"{row['label']:>8}{probability}  {' '.join(text.split())}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=to_base64)
