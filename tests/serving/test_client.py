"""The client over both protocols, and the development server beyond `test_conformance.py`."""

import base64
import contextlib
import gzip
import json
import math
import re
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2
import numpy as np
import pytest
from support.refusals import refused
from support.servers import development_server

from zoo.errors import UserError
from zoo.serving.client import Client
from zoo.serving.server import development


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
    message = "".join(f"(?=.*{re.escape(part)})" for part in parts)
    refused(message, client.predict, inputs, **options)


def test_after_an_error_the_signature_is_asked_for_again(rest_url):
    with Client(rest_url, "small", "rest") as client:
        client.predict({"text": ["a"]})
        specs = client._signatures[None]["serving_default"]["inputs"]
        specs["old"] = specs.pop("text")  # as if a new version had replaced what it knew
        with pytest.raises(UserError):
            client.predict({"text": ["a"]})
        assert client.predict({"text": ["a"]})


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_servers_that_are_not_there_or_silent(protocol):
    prefix = "" if protocol == "grpc" else "http://"
    with socket.socket() as closed, socket.create_server(("127.0.0.1", 0)) as silent:
        closed.bind(("127.0.0.1", 0))  # bound, so that nobody else gets it, but not listening
        for server, timeout, message in (
            (closed, 60, "no model server answers at {} "),
            (silent, 0.2, r"{} did not answer within 0\.2 seconds"),
        ):
            name = f"{prefix}127.0.0.1:{server.getsockname()[1]}"
            with Client(name, "m", protocol, timeout) as client:
                refused(message.format(name), client.predict, {"text": ["a"]})


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
    refused("does not answer like a model server", answering(status, body).metadata)


@pytest.mark.parametrize(
    "outputs",
    [b"5", b'{"label": ["a"]}', b'{"label": ["a"], "probabilities": [], "version": [1]}'],
)
def test_predictions_that_are_none(rest_url, answering, outputs):
    with Client(rest_url, "small", "rest") as good:
        signatures = good.metadata()["signatures"]
    client = answering(200, b'{"outputs": ' + outputs + b"}")
    client._signatures[None] = signatures
    refused("does not answer", client.predict, {"text": ["a"]})


@pytest.mark.parametrize(
    ("name", "protocol"),
    [("http://localhost:8500", "grpc"), ("localhost:8501", "rest"), ("http://[::1", "rest")],
)
def test_addresses_that_are_none(name, protocol):
    refused(re.escape(name), Client, name, "m", protocol)


def test_rest_needs_no_tensorflow(rest_url):
    code = (
        "import sys\nfrom zoo.serving.client import Client\n"
        "print(Client(sys.argv[1], 'small', 'rest').predict({'text': ['a']})[0]['label'])\n"
        "assert not {'tensorflow', 'keras', 'grpc'} & sys.modules.keys()"
    )
    command = [sys.executable, "-c", code, rest_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "short\n"), done.stderr


@pytest.fixture
def rest(rest_url):
    with httpx2.Client(base_url=rest_url, timeout=60) as client:
        yield client


def predict(rest, **body):
    response = rest.post("/v1/models/small:predict", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_rows_and_columns_of_a_single_output(rest):
    rows = [{"x": [1, 2], "y": 3}, {"x": [4, 5], "y": 6}]
    assert predict(rest, signature_name="add", instances=rows) == {"predictions": [6.0, 15.0]}
    columns = {"x": [[1, 2], [4, 5]], "y": [3, 6]}
    assert predict(rest, signature_name="add", inputs=columns) == {"outputs": [6.0, 15.0]}


def test_bytes_and_numbers(rest):
    encoded = {"b64": base64.b64encode(b"\xff\0").decode()}
    rows = predict(rest, signature_name="echo", instances=[{"content": encoded}, {"content": "é"}])
    assert rows["predictions"] == [
        {"content_bytes": encoded, "size": 2, "text": "\ufffd\0!"},
        {"content_bytes": {"b64": "w6k="}, "size": 2, "text": "é!"},
    ]
    body = {"signature_name": "divide", "instances": [1.0, -1.0, 0.0]}
    response = rest.post("/v1/models/small:predict", json=body)
    assert b"[Infinity, -Infinity, NaN]" in response.content  # as TensorFlow Serving writes them
    assert math.isnan(response.json()["predictions"][2])
    assert predict(rest, signature_name="scalar", inputs=1.5) == {"outputs": 3.0}


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"signature_name": ["x"], "instances": ["a"]}, "signature_name"),
        ({"instances": [["a"], ["b", "c"]]}, "input text"),
        ({"instances": [None]}, "is not of expected type"),
        ({"instances": [["a"]]}, "shape"),
        ({"instances": [{"b64": "!"}]}, "base64"),
        ({"instances": "a"}, "list of rows"),
        ({"instances": [{"text": "a"}, "b"]}, "element 1"),
        ({"inputs": {"other": ["a"]}}, "must be text, not other"),
        ({"signature_name": "add", "inputs": [1]}, "name the inputs: x, y"),
        ({"signature_name": "add", "inputs": {"x": [[1]], "y": [2**31]}}, "out of range"),
        ({"signature_name": "number", "instances": ["x"]}, "convert string"),
        (b"", "JSON Parse error"),
        (b"\xff\xfe", "JSON Parse error"),
        (b"[" * 100_000, "JSON Parse error"),
        (b'{"instances": [' + b"[" * 500, "JSON Parse error"),
        (b"null", "JSON Value"),
    ],
)
def test_wrong_requests(rest, body, part):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = rest.post("/v1/models/small:predict", content=content)
    assert response.status_code == 400
    assert part in response.json()["error"]


def test_other_paths_and_strange_connections(rest, rest_url):
    for path, status in (("/v1/", 400), ("/v1/models/..%2f..%2fx:predict", 400), ("/", 404)):
        assert rest.get(path).status_code == status
    answer = rest.get("/healthz")
    assert answer.json() == {"status": "ready", "server": development.NAME}
    assert answer.headers.get_list("server") == ["zoo-development-server"]
    host, port = rest_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(b"\0\xff\r\n\r\n")
        assert b"400" in connection.recv(1000)
    with socket.create_connection((host, int(port)), timeout=60) as connection:  # breaks off
        connection.sendall(b"POST /v1/models/small:predict HTTP/1.1\r\nContent-Length: 99\r\n\r\n{")
    assert predict(rest, instances=["a"])


def test_packed_and_huge_requests_are_refused(rest, monkeypatch):
    body = json.dumps({"instances": ["a"]}).encode()
    headers = {"Content-Encoding": "gzip"}
    answer = rest.post("/v1/models/small:predict", content=gzip.compress(body), headers=headers)
    assert answer.status_code == 415
    assert "packed" in answer.json()["error"]
    answer = rest.post("/v1/models/small:predict", content=b" " * (2**26 + 1))
    assert answer.status_code == 413


def test_a_busy_model_and_half_sent_requests_stall_no_other(small):
    with (
        development_server(small=small, other=small) as url,
        contextlib.ExitStack() as stack,
        ThreadPoolExecutor(50) as threads,
        httpx2.Client(base_url=url, timeout=300) as rest,
    ):
        busy = {"signature_name": "busy", "instances": [30_000]}
        path = "/v1/models/small:predict"
        waiting = [threads.submit(rest.post, path, json=busy) for _ in range(50)]
        host, port = url.removeprefix("http://").split(":")
        for _ in range(1100):
            connection = socket.create_connection((host, int(port)), timeout=60)
            stack.enter_context(connection).sendall(b"GET /healthz HTTP/1.1\r\nHost: local")
        answer = rest.post("/v1/models/other:predict", json={"instances": ["a"]})
        unfinished = sum(not request.done() for request in waiting)
        assert answer.json()["predictions"][0]["label"] == "short"
        assert {request.result().status_code for request in waiting} == {200}
        assert unfinished > 0


@pytest.mark.long
def test_load_of_32_clients_who_send_good_and_bad_requests(small):
    """For half a minute: each good request has its answer, each bad one a reason, none a 500."""
    path, statuses = "/v1/models/small:predict", Counter()
    requests = [
        (200, json.dumps({"instances": ["a", "much longer"]}).encode()),
        (200, json.dumps({"inputs": {"text": []}}).encode()),
        (400, b'{"instances": [' * 50),
        (400, json.dumps({"instances": [[1]]}).encode()),
        (400, json.dumps({"signature_name": "none", "instances": ["a"]}).encode()),
    ]

    def ask(url, number):
        with httpx2.Client(base_url=url, timeout=120) as rest:
            end = time.monotonic() + 30
            while time.monotonic() < end:
                expected, content = requests[number % len(requests)]
                answer = rest.post(path, content=content)
                assert answer.status_code == expected, answer.text
                if number % len(requests) == 0:
                    labels = [row["label"] for row in answer.json()["predictions"]]
                    assert labels == ["short", "long"]
                statuses[expected] += 1
                number += 1

    with development_server(small=small) as url, ThreadPoolExecutor(32) as threads:
        for done in [threads.submit(ask, url, number) for number in range(32)]:
            done.result()
    print(f"answers of 200: {statuses[200]:,}, of 400: {statuses[400]:,}, others: 0")
    assert statuses[200] > 500
    assert statuses[400] > 500


def test_new_and_broken_versions(small, tmp_path):
    """The highest version that can be loaded answers."""
    (tmp_path / "1").mkdir()
    with development_server(small=tmp_path) as url, Client(url, "small", "rest", 60) as client:

        def version():
            (row,) = client.predict({"text": ["a"]})
            states = {version["version"]: version["state"] for version in client.status()}
            return row["version"], states

        assert httpx2.get(f"{url}/healthz", timeout=60).status_code == 503
        shutil.copytree(small / "1", tmp_path / "2")
        assert httpx2.get(f"{url}/healthz", timeout=60).status_code == 200
        assert version() == (1, {2: "AVAILABLE", 1: "END"})  # the former is what it says of itself
        (tmp_path / "7").mkdir()
        (tmp_path / "7" / "saved_model.pb").write_bytes(b"not a graph")
        (tmp_path / "7a").mkdir()
        assert version() == (1, {7: "END", 2: "AVAILABLE", 1: "END"})
        broken = client.status()[0]
        assert broken["error_code"] == "UNKNOWN"
        assert str(tmp_path / "7") in broken["error_message"]
        shutil.copytree(small / "2", tmp_path / "10")
        assert version()[0] == 2
        shutil.rmtree(tmp_path / "10")
        assert version()[0] == 1
