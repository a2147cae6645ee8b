"""What the development server does beyond `test_conformance.py`, over sockets."""

import base64
import contextlib
import gzip
import json
import math
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from support.servers import development_server

from zoo.serving.client import Client
from zoo.serving.server import development


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
    inputs = {"flag": [True], "big": [2**62 + 1], "small": [255]}
    answer = predict(rest, signature_name="types", inputs=inputs)["outputs"]
    assert answer == {"not_flag": [False], "big_": [2**62 + 1], "small_": [255]}


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
        shutil.copytree(small / "2", tmp_path / "8")
        assert version()[0] == 2
        shutil.rmtree(tmp_path / "8")
        assert version()[0] == 1
