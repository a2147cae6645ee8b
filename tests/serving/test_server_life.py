"""Loading, limits and the end of the development server, over sockets."""

import contextlib
import logging
import shutil
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx2
import numpy as np
import pytest
from support.servers import model_config, running, wait_until

from zoo.errors import UserError
from zoo.serving.client import Client
from zoo.serving.export import warmup
from zoo.serving.protobufs import (
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
    to_tensor_proto,
)
from zoo.serving.server.development import DevelopmentServer

TIMEOUT = 60
LONG = 40_000  # steps of the loop in the signature `count`: about half a second
STEPS = {"steps": np.array([LONG], "int32")}


@pytest.fixture
def folder(small_models, tmp_path):
    """A folder with version 1 of the small model."""
    shutil.copytree(small_models / "1", tmp_path / "1")
    return tmp_path


def url(server, path="/v1/models/m:predict"):
    return f"http://127.0.0.1:{server.rest_port}{path}"


def post(server, body, **options):
    return httpx2.post(url(server), json=body, timeout=TIMEOUT, **options)


def predict(server, inputs, signature=""):
    message = predict_pb2.PredictRequest()
    message.model_spec.name = "m"
    message.model_spec.signature_name = signature
    for name, array in inputs.items():
        message.inputs[name].CopyFrom(to_tensor_proto(array))
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return stub.Predict(message, timeout=TIMEOUT)


def version_of(server):
    with Client(f"127.0.0.1:{server.port}", "m", timeout=TIMEOUT) as client:
        return client.predict({"text": ["a"]})[0]["version"]


def states(server):
    with Client(url(server, ""), "m", "rest", TIMEOUT) as client:
        return {version["version"]: version["state"] for version in client.status()}


def test_health(folder):
    broken = folder / "2"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"not a graph")
    config = model_config("m", folder)
    config.model_version_policy.latest.num_versions = 1
    server = DevelopmentServer([config], port=0, rest_port=0)
    server.start()
    try:
        wait_until(lambda: httpx2.get(url(server, "/healthz")).status_code == 503)
        wait_until(lambda: states(server) == {2: "END"})
        assert httpx2.get(url(server, "/healthz")).json()["status"] == "loading"
        shutil.rmtree(broken)  # so that the good one is the latest
        wait_until(lambda: httpx2.get(url(server, "/healthz")).status_code == 200)
        assert version_of(server) == 1
    finally:
        server.stop()


def test_a_new_version_takes_over_under_load(folder, small_models):
    config = model_config("m", folder)
    config.model_version_policy.latest.num_versions = 1
    with running(config) as server, ThreadPoolExecutor(4) as clients:
        stop = threading.Event()
        seen = [clients.submit(versions_until, stop, server) for _ in range(4)]
        shutil.copytree(small_models / "2", folder / ".2")
        (folder / ".2").rename(folder / "2")
        wait_until(lambda: states(server) == {1: "END", 2: "AVAILABLE"})
        stop.set()
        for versions in seen:  # none was refused, and none went back
            assert versions.result() == sorted(versions.result())
        assert version_of(server) == 2


def versions_until(stop, server):
    seen = []
    with Client(f"127.0.0.1:{server.port}", "m", timeout=TIMEOUT) as client:
        while not stop.is_set():
            seen.append(client.predict({"text": ["a"]})[0]["version"])
    return seen


def test_a_broken_version_is_reported_and_disturbs_nobody(folder):
    with running(model_config("m", folder)) as server:
        (folder / "7").mkdir()
        wait_until(lambda: states(server).get(7) == "END")
        with Client(url(server, ""), "m", "rest") as client:
            (broken, good) = client.status()
        assert (broken["version"], good["version"], good["state"]) == (7, 1, "AVAILABLE")
        assert broken["error_code"] == "NOT_FOUND"
        assert str(folder / "7") in broken["error_message"]
        assert version_of(server) == 1


def write_warm_up(version, texts, signature=""):
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    log.predict_log.request.inputs["text"].CopyFrom(to_tensor_proto(texts))
    path = version / warmup.NAME
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(warmup._framed(log.SerializeToString()))
    return path


def test_warm_up_requests_are_replayed(folder):
    write_warm_up(folder / "1", ["a", "b"])
    with running(model_config("m", folder)) as server:
        assert version_of(server) == 1


@pytest.mark.parametrize(
    ("damage", "code", "part"),
    [
        (lambda path: path.write_bytes(b"x" * 40), "DATA_LOSS", "tf_serving_warmup_requests"),
        (
            lambda path: write_warm_up(path.parents[1], ["a"], "none"),
            "FAILED_PRECONDITION",
            'Serving signature key "none" not found.',
        ),
    ],
)
def test_a_version_with_bad_warm_up_requests_is_not_served(folder, damage, code, part):
    damage(write_warm_up(folder / "1", ["a"]))
    server = DevelopmentServer([model_config("m", folder)], port=0, rest_port=0)
    server.start()
    try:
        wait_until(lambda: "END" in str(status_or_nothing(server)))
        (version,) = status_or_nothing(server)
        assert version["error_code"] == code
        assert part in version["error_message"]
    finally:
        server.stop()


def status_or_nothing(server):
    with Client(url(server, ""), "m", "rest") as client, contextlib.suppress(UserError):
        return client.status()


@pytest.fixture(scope="module")
def small_server(small_models):
    """A server that takes two requests of a kilobyte, and runs one at a time."""
    limits = {"request_bytes": 1024, "requests": 2, "threads": 1, "upload_seconds": 0.2}
    with running(model_config("m", small_models), **limits) as server:
        yield server


def test_large_requests_are_refused(small_server):
    body = {"instances": ["x" * 1000]}
    assert post(small_server, body).status_code == 200
    large = {"instances": ["x" * 2000]}
    response = post(small_server, large)
    assert response.status_code == 413
    assert response.json() == {"error": "the request is larger than 1024 bytes"}
    chunks = (b"x" * 100 for _ in range(100))  # without a Content-Length
    assert httpx2.post(url(small_server), content=chunks).status_code == 413
    with pytest.raises(grpc.RpcError) as caught:
        predict(small_server, {"text": large["instances"]})
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert predict(small_server, {"text": ["x" * 900]}).outputs["label"].string_val == [b"long"]


def test_a_slow_upload_is_given_up(small_server):
    address = ("127.0.0.1", small_server.rest_port)
    with socket.create_connection(address, timeout=TIMEOUT) as connection:
        connection.sendall(b"POST /v1/models/m:predict HTTP/1.1\r\nHost: x\r\n")
        connection.sendall(b"Content-Length: 50\r\n\r\n{")
        assert b" 408 " in connection.recv(100)


def test_too_many_requests_at_once_are_refused(small_server):
    slow = {"signature_name": "count", "inputs": [LONG]}

    def over_grpc(_):
        try:
            predict(small_server, STEPS, "count")
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    with ThreadPoolExecutor(8) as clients:
        codes = [*clients.map(lambda _: post(small_server, slow).status_code, range(8))]
        assert set(codes) == {200, 429}
        codes = [*clients.map(over_grpc, range(8))]
        assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert post(small_server, {"instances": ["a"]}).status_code == 200


def test_stopping_answers_what_is_under_way(small_models):
    with running(model_config("m", small_models)) as server, ThreadPoolExecutor(2) as clients:
        body = {"signature_name": "count", "inputs": [LONG]}
        over_rest = clients.submit(post, server, body)
        over_grpc = clients.submit(predict, server, STEPS, "count")
        wait_until(lambda: under_way(server) == 2)
        server.stop()
        assert over_rest.result().json() == {"outputs": [LONG]}
        assert over_grpc.result().outputs["end"].int_val == [LONG]
        for port in (server.port, server.rest_port):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        server.stop = lambda: None  # it has been


def under_way(server):
    return sum(version.requests for version in server.manager._every())


@pytest.mark.parametrize("taken", ["port", "rest_port"])
def test_a_port_in_use(server, small_models, taken):
    configs = [model_config("m", small_models)]
    ports = {"port": 0, "rest_port": 0} | {taken: getattr(server, taken)}
    with pytest.raises(UserError, match=f"127.0.0.1:{ports[taken]} .*in use"):
        DevelopmentServer(configs, **ports)


def test_a_host_that_is_not_there(small_models):
    with pytest.raises(UserError, match=r"give another .*host"):
        DevelopmentServer([model_config("m", small_models)], "203.0.113.1", 0, 0)


def test_the_log_says_what_is_loaded(folder, caplog):
    with caplog.at_level(logging.INFO), running(model_config("m", folder)):
        pass
    assert "m version 1 answers" in caplog.messages
    assert "unloading m version 1" in caplog.messages
