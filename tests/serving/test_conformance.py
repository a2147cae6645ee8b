"""Servers are held to what TensorFlow Serving answers, itself where it is installed."""

import shutil
import subprocess
import time

import pytest
import requests
from support.conformance import REST_CHECKS, RPC_CHECKS
from support.conformance.rest import HTTP
from support.zoo_commands import free_ports

BINARY = shutil.which("tensorflow_model_server")
STARTING = 120  # seconds until every model must be loaded and warm


def named(checks):
    return pytest.mark.parametrize("check", checks, ids=lambda check: check.__name__)


@named(REST_CHECKS)
def test_the_development_server(check, rest_url, expected):
    check(rest_url, expected)


@named(RPC_CHECKS)
def test_the_stock_servicers_of_the_tests(check, grpc_address, expected):
    check(grpc_address, expected)


@pytest.fixture(scope="module", params=[False, True], ids=["each alone", "batching"])
def model_server(request, served, tmp_path_factory):
    """gRPC address and REST URL of a server with the configuration beside the models."""
    if BINARY is None:
        pytest.skip("tensorflow_model_server is not on PATH")
    grpc_port, rest_port = free_ports()
    folder = served.version.parents[1]
    command = [
        BINARY,
        f"--port={grpc_port}",
        f"--rest_api_port={rest_port}",
        f"--model_config_file={folder / 'models.config'}",
        f"--monitoring_config_file={folder / 'monitoring.config'}",
    ]
    if request.param:
        parameters = folder / "batching.config"
        command += ["--enable_batching", f"--batching_parameters_file={parameters}"]
    log = tmp_path_factory.mktemp("model_server") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{rest_port}"
    try:
        _wait_until_available(process, log, f"{url}/v1/models/{served.version.parent.name}")
        yield f"127.0.0.1:{grpc_port}", url
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_available(process, log, url):
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")
        try:
            status = HTTP.get(url, timeout=10).json().get("model_version_status", [])
        except (requests.RequestException, ValueError):
            status = []
        if any(version["state"] == "AVAILABLE" for version in status):
            return
        time.sleep(0.2)
    pytest.fail(f"not available: {log.read_text(errors='replace')}")


@named(RPC_CHECKS)
def test_grpc_of_tensorflow_serving(check, model_server, expected):
    check(model_server[0], expected)


@named(REST_CHECKS)
def test_rest_of_tensorflow_serving(check, model_server, expected):
    check(model_server[1], expected)


def test_metrics_of_tensorflow_serving(model_server):
    response = HTTP.get(f"{model_server[1]}/monitoring/prometheus/metrics", timeout=60)
    assert response.status_code == 200
    assert "tensorflow" in response.text
