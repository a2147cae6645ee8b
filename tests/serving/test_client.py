"""The client, over both protocols, of servers in this process and of bad ones."""

import math
import socket
import subprocess
import sys

import httpx2
import numpy as np
import pytest

from zoo.errors import UserError
from zoo.serving.client import Client

both_protocols = pytest.mark.parametrize("protocol", ["grpc", "rest"])


@pytest.fixture(params=["grpc", "rest"])
def client(rest_url, grpc_address, request):
    address = {"grpc": grpc_address, "rest": rest_url}[request.param]
    with Client(address, "small", request.param, timeout=60) as client:
        yield client


def test_rows(client):
    rows = client.predict({"text": ["a", b"abcde", ""]})
    short = {"label": "short", "probabilities": [0.9, pytest.approx(0.1)], "version": 2}
    assert rows == [short, {"label": "long", "probabilities": [0.2, 0.8], "version": 2}, short]
    assert all(isinstance(value, float) for row in rows for value in row["probabilities"])
    assert client.predict({"text": []}) == []
    assert client.predict({"text": ["a"]}, version=1)[0]["version"] == 1


def test_text_and_bytes(client):
    content = ["é\0", b"\xff", 'a "b"\n\\']
    rows = client.predict({"content": content}, "echo")
    assert [row["content_bytes"] for row in rows] == ["é\0".encode(), b"\xff", content[2].encode()]
    assert [row["text"] for row in rows] == ["é\0!", "\ufffd!", content[2] + "!"]
    assert [row["size"] for row in rows] == [3, 1, 7]


def test_numbers(client):
    values = np.random.default_rng(1).normal(size=20).astype("float32")
    rows = client.predict({"x": values[:, None], "y": np.zeros(20, int)}, "add")
    # Exactly: the sum of one value and 0, and as many decimals as it takes.
    np.testing.assert_array_equal(np.float32([row["total"] for row in rows]), values)
    first, second, third = client.predict({"x": [1.0, -1.0, 0.0]}, "divide")
    assert (first["quotient"], second["quotient"]) == (math.inf, -math.inf)
    assert math.isnan(third["quotient"])
    (row,) = client.predict({"flag": [True], "big": [2**62 + 1], "small": [255]}, "types")
    assert row == {"not_flag": False, "big_": 2**62 + 1, "small_": 255}


def test_status_and_metadata(client):
    client.predict({"text": ["a"]}, version=1)
    client.predict({"text": ["a"]}, version=2)
    expected = {"state": "AVAILABLE", "error_code": "OK", "error_message": ""}
    assert client.status() == [{"version": version} | expected for version in (2, 1)]
    metadata = client.metadata()
    assert (metadata["model"], metadata["version"]) == ("small", 2)
    assert metadata["signatures"]["add"] == {
        "inputs": {
            "x": {"dtype": "float", "shape": [None, None]},
            "y": {"dtype": "int32", "shape": [None]},
        },
        "outputs": {"total": {"dtype": "float", "shape": [None]}},
    }
    assert all(not name.startswith("__") for name in metadata["signatures"])
    assert client.metadata(version=1)["version"] == 1


@pytest.mark.parametrize(
    ("inputs", "options", "parts"),
    [
        ({"text": ["a"]}, {"signature": "x"}, ["no signature 'x'", "serving_default"]),
        ({"text": ["a"]}, {"version": 9}, ["does not serve model 'small'", "9"]),
        ({"more": ["a"]}, {}, ["takes text, not more"]),
        ({"text": [1]}, {}, ["input text", "string"]),
        ({"x": [[1.0], [1.0, 2.0]], "y": [1, 1]}, {"signature": "add"}, ["x", "one shape"]),
        ({"x": [[1.0]], "y": [1.5]}, {"signature": "add"}, ["input y", "int32"]),
        ({"x": [[1.0]], "y": [True]}, {"signature": "add"}, ["input y", "int32"]),
        ({"x": [[1.0]], "y": [2**32 + 1]}, {"signature": "add"}, ["input y", "int32"]),
        ({"x": [[1e300]], "y": [1]}, {"signature": "add"}, ["input x", "float"]),
        ({"digits": ["x"]}, {"signature": "number"}, ["refused", "StringToNumberOp"]),
        ({"x": 1.0}, {"signature": "scalar"}, ["does not answer in rows"]),
    ],
)
def test_requests_that_do_not_fit(client, inputs, options, parts):
    with pytest.raises(UserError) as caught:
        client.predict(inputs, **options)
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_after_an_error_the_signature_is_asked_for_again(rest_url):
    with Client(rest_url, "small", "rest") as client:
        client.predict({"text": ["a"]})
        specs = client._signatures[None]["serving_default"]["inputs"]
        specs["old"] = specs.pop("text")  # as if a new version had replaced what it knew
        with pytest.raises(UserError):
            client.predict({"text": ["a"]})
        assert client.predict({"text": ["a"]})


@both_protocols
def test_servers_that_are_not_there_or_silent(protocol):
    prefix = "" if protocol == "grpc" else "http://"
    with socket.socket() as closed, socket.create_server(("127.0.0.1", 0)) as silent:
        closed.bind(("127.0.0.1", 0))  # bound, so that nobody else gets it, but not listening
        for server, timeout, message in (
            (closed, 60, "no model server answers at {} "),
            (silent, 0.2, r"{} did not answer within 0\.2 seconds"),
        ):
            name = f"{prefix}127.0.0.1:{server.getsockname()[1]}"
            with (
                Client(name, "m", protocol, timeout) as client,
                pytest.raises(UserError, match=message.format(name)),
            ):
                client.predict({"text": ["a"]})


@pytest.fixture
def answering(monkeypatch):
    """A client of a server that answers everything with a status and a body."""

    def make(status, body):
        client = Client("http://server", "m", "rest")
        transport = httpx2.MockTransport(lambda request: httpx2.Response(status, content=body))
        web = httpx2.Client(base_url="http://server", transport=transport)
        monkeypatch.setattr(client._transport, "_client", web)
        return client

    return make


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"model_spec": {"version": "x"}, "metadata": {"signature_def": {}}}'),
        (200, b'{"model_spec": {"version": "1"}, "metadata": {"signature_def": 5}}'),
        (404, b"not found"),
        (500, b"\xff"),
        (502, b'{"message": "bad gateway"}'),
    ],
)
def test_answers_that_are_none(answering, status, body):
    with pytest.raises(UserError, match="does not answer like a model server") as caught:
        answering(status, body).metadata()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "outputs",
    [b"5", b'{"label": ["a"]}', b'{"label": ["a"], "probabilities": [], "version": [1]}'],
)
def test_predictions_that_are_none(rest_url, answering, outputs):
    with Client(rest_url, "small", "rest") as good:
        signatures = good.metadata()["signatures"]
    client = answering(200, b'{"outputs": ' + outputs + b"}")
    client._signatures[None] = signatures
    with pytest.raises(UserError, match="does not answer"):
        client.predict({"text": ["a"]})


@pytest.mark.parametrize(
    ("name", "protocol"),
    [("http://localhost:8500", "grpc"), ("localhost:8501", "rest"), ("http://[::1", "rest")],
)
def test_addresses_that_are_none(name, protocol):
    with pytest.raises(UserError) as caught:
        Client(name, "m", protocol)
    assert name in str(caught.value)


def test_rest_needs_no_tensorflow(rest_url):
    code = (
        "import sys\nfrom zoo.serving.client import Client\n"
        "print(Client(sys.argv[1], 'small', 'rest').predict({'text': ['a']})[0]['label'])\n"
        "assert not {'tensorflow', 'keras', 'grpc'} & sys.modules.keys()"
    )
    command = [sys.executable, "-c", code, rest_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "short\n"), done.stderr
