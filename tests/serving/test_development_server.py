"""The development server, over sockets."""

import base64
import gzip
import http.client
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

CLIENTS, REQUESTS = 16, 1000


@pytest.fixture
def rest(rest_url):
    with httpx2.Client(base_url=rest_url, timeout=60) as client:
        yield client


def predict(rest, body, model="small"):
    response = rest.post(f"/v1/models/{model}:predict", json=body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


def refused(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    (key,) = response.json()
    assert key == "error"
    return response.json()["error"]


ROW = {"label": "short", "probabilities": [0.9, pytest.approx(0.1)], "version": 2}


def test_a_single_output_is_bare(rest):
    body = {"signature_name": "add", "instances": [{"x": [1, 2], "y": 3}, {"x": [4, 5], "y": 6}]}
    assert predict(rest, body) == {"predictions": [6.0, 15.0]}
    body = {"signature_name": "add", "inputs": {"x": [[1, 2], [4, 5]], "y": [3, 6]}}
    assert predict(rest, body) == {"outputs": [6.0, 15.0]}


def test_bytes(rest):
    encoded = {"b64": base64.b64encode(b"\xff\0").decode()}
    body = {"signature_name": "echo", "instances": [{"content": encoded}, {"content": "é"}]}
    response = rest.post("/v1/models/small:predict", json=body)
    first, second = json.loads(response.content.decode("utf-8", "surrogateescape"))["predictions"]
    assert first == {"content_bytes": encoded, "size": 2, "text": "\udcff\0!"}
    assert second == {"content_bytes": {"b64": "w6k="}, "size": 2, "text": "é!"}


def test_numbers(rest):
    body = {"signature_name": "divide", "instances": [1.0, -1.0, 0.0]}
    response = rest.post("/v1/models/small:predict", json=body)
    assert b"[Infinity, -Infinity, NaN]" in response.content  # as TensorFlow Serving writes them
    assert math.isnan(response.json()["predictions"][2])
    assert predict(rest, {"signature_name": "scalar", "inputs": 1.5}) == {"outputs": 3.0}
    inputs = {"flag": [True], "big": [2**62 + 1], "small": [255]}
    answer = predict(rest, {"signature_name": "types", "inputs": inputs})["outputs"]
    assert answer == {"not_flag": [False], "big_": [2**62 + 1], "small_": [255]}


@pytest.mark.parametrize(
    ("path", "body", "status", "part"),
    [
        ("none:predict", {"instances": ["a"]}, 404, "Latest(none)"),
        ("small/versions/9:predict", {"instances": ["a"]}, 404, "Specific(small, 9)"),
        ("small:predict", {"signature_name": "x", "instances": ["a"]}, 400, '"x" not found in'),
        ("small:predict", {"signature_name": ["x"], "instances": ["a"]}, 400, "signature_name"),
        ("small:predict", {"instances": [["a"], ["b", "c"]]}, 400, "input text"),
        ("small:predict", {"instances": [1]}, 400, "is not of expected type"),
        ("small:predict", {"instances": [None]}, 400, "is not of expected type"),
        ("small:predict", {"instances": [["a"]]}, 400, "shape"),
        ("small:predict", {"instances": [{"b64": "!"}]}, 400, "base64"),
        ("small:predict", {"instances": "a"}, 400, "list of rows"),
        ("small:predict", {"instances": [{"text": "a"}, "b"]}, 400, "element 1"),
        ("small:predict", {"inputs": {"other": ["a"]}}, 400, "must be text, not other"),
        ("small:predict", {"signature_name": "add", "inputs": [1]}, 400, "name the inputs: x, y"),
        ("small:predict", {"signature_name": "scalar", "instances": [1.5]}, 400, "shape"),
        ("small:predict", {"signature_name": "count", "inputs": [2**31]}, 400, "out of range"),
        ("small:predict", {"signature_name": "number", "instances": ["x"]}, 400, "convert string"),
        ("small:predict", {}, 400, "'instances' and 'inputs'"),
        ("small:explain", {}, 400, "Malformed request: POST /v1/models/small:explain"),
        ("small", {}, 400, "Malformed request: POST /v1/models/small"),
    ],
)
def test_errors(rest, path, body, status, part):
    assert part in refused(rest.post(f"/v1/models/{path}", json=body), status)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"instances": [' + b"[" * 500, b"null"]
)
def test_what_is_not_json(rest, body):
    assert refused(rest.post("/v1/models/small:predict", content=body), 400).startswith("JSON ")


def test_other_paths(rest):
    assert "Malformed request: GET /v1/" in refused(rest.get("/v1/"), 400)
    assert "Malformed" in refused(rest.get("/v1/models/..%2f..%2fsecret:predict"), 400)
    assert rest.get("/").status_code == 404
    assert rest.post("/healthz").status_code == 405
    for path in ("/healthz", "/v1/models/small", "/v1/models/none", "/nothing"):
        assert rest.get(path).headers.get_list("server") == ["zoo-development-server"]
    assert rest.get("/healthz").json() == {"status": "ready", "server": development.NAME}


def test_packed_bodies(rest):
    body = json.dumps({"instances": ["a"]}).encode()

    def post(content, encoding):
        headers = {"Content-Encoding": encoding}
        return rest.post("/v1/models/small:predict", content=content, headers=headers)

    assert post(gzip.compress(body), "gzip").json() == {"predictions": [ROW]}
    assert "not gzip" in refused(post(body, "gzip"), 400)
    assert "br is not supported" in refused(post(body, "br"), 415)


def test_large_bodies_are_refused(small):
    with development_server(request_bytes=1024, small=small) as url:
        url = f"{url}/v1/models/small:predict"
        assert httpx2.post(url, json={"instances": ["x" * 900]}).status_code == 200
        large = json.dumps({"instances": ["x" * 2000]}).encode()
        packed = gzip.compress(large)
        assert len(packed) < 1024 < len(large)
        for content, encoding in ((large, "identity"), (packed, "gzip")):
            response = httpx2.post(url, content=content, headers={"Content-Encoding": encoding})
            assert refused(response, 413) == "the request is larger than 1024 bytes"


def test_strange_connections_disturb_nobody(rest, rest_url):
    host, port = rest_url.removeprefix("http://").split(":")
    for content in (b"\0\xff\r\n\r\n", b"GET / HTTP/9\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(content)
            assert b"400" in connection.recv(1000)
    with socket.create_connection((host, int(port)), timeout=60) as connection:  # breaks off
        connection.sendall(b"POST /v1/models/small:predict HTTP/1.1\r\nContent-Length: 99\r\n\r\n{")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    chunks = iter([b'{"instances"', b': ["a"]}'])
    connection.request("POST", "/v1/models/small:predict", chunks, encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})  # fmt: skip
    assert json.loads(connection.getresponse().read()) == {"predictions": [ROW]}
    connection.close()


def states(url):
    with Client(url, "small", "rest", timeout=60) as client:
        return {version["version"]: version["state"] for version in client.status()}


def test_new_and_broken_versions(small, tmp_path):
    """The highest version that can be loaded answers; a broken one is tried again if it changes."""
    shutil.copytree(small / "1", tmp_path / "1")
    (tmp_path / "2a").mkdir()
    with development_server(small=tmp_path) as url, Client(url, "small", "rest", 60) as client:

        def version():
            return client.predict({"text": ["a"]})[0]["version"]

        assert version() == 1
        (tmp_path / "7").mkdir()
        (tmp_path / "7" / "saved_model.pb").write_bytes(b"not a graph")
        assert version() == 1
        assert states(url) == {1: "AVAILABLE", 7: "END"}
        (broken, _) = client.status()
        assert broken["error_code"] == "UNKNOWN"
        assert str(tmp_path / "7") in broken["error_message"]
        shutil.rmtree(tmp_path / "7")
        shutil.copytree(small / "2", tmp_path / "7")
        assert version() == 2  # which is what it says of itself
        assert states(url) == {1: "AVAILABLE", 7: "AVAILABLE"}
        shutil.rmtree(tmp_path / "7")
        assert version() == 1


def test_health_and_what_is_broken_from_the_start(small, tmp_path):
    (tmp_path / "1").mkdir()
    with development_server(small=small, broken=tmp_path) as url:
        assert httpx2.get(f"{url}/healthz", timeout=60).status_code == 503
        assert predict(httpx2.Client(base_url=url, timeout=60), {"instances": ["a"]})
        shutil.copytree(small / "1", tmp_path / "2")
        assert httpx2.get(f"{url}/healthz", timeout=60).status_code == 200


@pytest.mark.long
def test_a_thousand_requests_of_sixteen_clients(rest_url, served):
    """None is lost, and each gets the answer that is its own."""
    texts = [f"good film number {i} " + "bad " * (i % 40) for i in range(REQUESTS)]
    local = served.predictor.probabilities(texts)

    def ask(client):
        mine = range(client, REQUESTS, CLIENTS)
        with Client(rest_url, "tiny", "rest", timeout=120) as connection:
            return {i: connection.predict({"text": [texts[i]]}) for i in mine}

    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = {}
        for part in clients.map(ask, range(CLIENTS)):
            answers |= part
    assert answers.keys() == set(range(REQUESTS))
    for i, rows in answers.items():
        assert rows[0]["probabilities"] == pytest.approx(local[i], abs=1e-5)
