"""The verbs of `python -m zoo` that serve models and ask them; nothing heavy until they run."""

import base64
import contextlib
import itertools
import json
import tempfile

import click

from zoo.application.command_line import parameters, terminal
from zoo.errors import UserError

_ROWS = 32  # in a request; a server refuses more than its batching.config allows
_HOST = "127.0.0.1"
_ADDRESS = "localhost:8500"


def serve():
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
            _port("--port", 8500, "Of gRPC."),
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
                help="The zoo's development server, to try models out, instead.",
            ),
        ],
        help="Serve models over gRPC and REST, with TensorFlow Serving.",
        context_settings={"help_option_names": parameters.HELP},
    )


def query():
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
                help=f"HOST:PORT of gRPC.  [default: {_ADDRESS}]",
            ),
            click.Option(
                ["--rest"],
                type=parameters.Text("address"),
                help="http://HOST:PORT of REST, to ask over REST instead.",
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


def _port(name, default, help_text):
    return click.Option(
        [name],
        type=click.IntRange(1, 65535),
        default=default,
        show_default=True,
        help=help_text,
    )


def _serve(models, port, rest_port, host, development):
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
        from zoo.serving.server import development as server

        return server.run(configs, host or _HOST, port, rest_port)


def _query(texts, model, address, rest, signature, timeout, as_json):
    from zoo.serving.client import Client

    if address and rest:
        raise UserError("--address is of gRPC and --rest of REST: give one of them")
    texts = terminal.read_inputs(texts)
    protocol = "rest" if rest else "grpc"
    predictions = []
    with Client(rest or address or _ADDRESS, model, protocol, timeout) as client:
        name = _string_input(client, signature)
        for batch in _batches(texts):
            for text, row in zip(batch, client.predict({name: batch}, signature), strict=True):
                if as_json:
                    predictions.append({"input": text, **row})
                else:
                    click.echo(_shown(text, row))
    if as_json:
        click.echo(_json({"predictions": predictions}))


def _string_input(client, signature):
    """The first input of a signature that takes strings."""
    signatures = client.metadata()["signatures"]
    for name, spec in signatures.get(signature, {"inputs": {}})["inputs"].items():
        if spec["dtype"] == "string":
            return name
    asked = f"signature '{signature}' takes no strings"
    if signature not in signatures:
        asked = f"there is no signature '{signature}'"
    raise UserError(f"{asked}: give one of {', '.join(signatures)} with --signature")


def _batches(texts):
    texts = iter(texts)
    while batch := list(itertools.islice(texts, _ROWS)):
        yield batch


def _shown(text, row):
    """A row for people: the label and how probable it is, or whatever else there is."""
    if not isinstance(row.get("label"), str):
        return _json(row)
    probability = ""
    with contextlib.suppress(KeyError, TypeError, ValueError):
        probability = f" {max(row['probabilities']):.3f}"
    return f"{row['label']:>8}{probability}  {' '.join(text.split())}"


def _json(value):
    return json.dumps(value, ensure_ascii=False, default=_base64)


def _base64(content):
    return {"b64": base64.b64encode(content).decode("ascii")}
