"""`tensorflow_model_server` itself serves what is exported, where it is installed."""

import shutil
import socket
import subprocess
import time

import pytest
import requests
from support.conformance import CHECKS
from support.conformance.rest import HTTP

BINARY = shutil.which("tensorflow_model_server")
STARTING = 120  # seconds until every model must be loaded and warm

pytestmark = pytest.mark.skipif(BINARY is None, reason="tensorflow_model_server is not on PATH")


def free_ports(count):
    """Ports that nobody listens to: all held at once, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def wait_until_available(process, log, rest_port, model):
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")
        try:
            url = f"http://127.0.0.1:{rest_port}/v1/models/{model}"
            status = HTTP.get(url, timeout=10).json().get("model_version_status", [])
        except (requests.RequestException, ValueError):
            status = []
        if any(version["state"] == "AVAILABLE" for version in status):
            return
        time.sleep(0.2)
    pytest.fail(f"not available: {log.read_text(errors='replace')}")


@pytest.fixture(scope="module", params=[False, True], ids=["each alone", "batching"])
def server(request, served, expected, tmp_path_factory):
    """(host, gRPC port, REST port) of a server with the configuration beside the models."""
    grpc_port, rest_port = free_ports(2)
    command = [
        BINARY,
        f"--port={grpc_port}",
        f"--rest_api_port={rest_port}",
        f"--model_config_file={served.folder / 'models.config'}",
        f"--monitoring_config_file={served.folder / 'monitoring.config'}",
    ]
    if request.param:
        parameters = served.folder / "batching.config"
        command += ["--enable_batching", f"--batching_parameters_file={parameters}"]
    log = tmp_path_factory.mktemp("model_server") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until_available(process, log, rest_port, expected.model)
        yield "127.0.0.1", grpc_port, rest_port
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    "check", CHECKS, ids=lambda check: f"{check.__module__.rpartition('.')[2]} {check.__name__}"
)
def test_conformance(check, server, expected):
    check(*server, expected)


def test_metrics(server, expected):
    host, _, rest_port = server
    url = f"http://{host}:{rest_port}/monitoring/prometheus/metrics"
    response = HTTP.get(url, timeout=60)
    assert response.status_code == 200
    assert "tensorflow" in response.text
