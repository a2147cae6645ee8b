"""The development server, TensorFlow Serving if it is installed, and its C++ calls answer alike."""

import base64
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import numpy as np
import pytest
import tensorflow as tf
from support.predictor_case import assert_alike
from support.servers import development_server, free_ports, wait_until
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto

from zoo.serving.arrays import nested, to_array
from zoo.serving.client import Client
from zoo.serving.export.warmup import to_tensor_proto

BINARY = shutil.which("tensorflow_model_server")


@pytest.fixture(scope="module", params=["development", "each alone", "batching"])
def server(request, served, tmp_path_factory):
    """URL of REST and address of gRPC, or None, of a server of the classifier, "tiny"."""
    if request.param == "development":
        with development_server(tiny=served.version.parent) as url:
            yield url, None
        return
    if BINARY is None:
        pytest.skip("tensorflow_model_server is not on PATH")
    port, rest_port = free_ports()
    folder = served.version.parents[1]
    command = [BINARY, f"--port={port}", f"--rest_api_port={rest_port}"]
    command += [f"--model_config_file={folder / 'models.config'}"]
    command += [f"--monitoring_config_file={folder / 'monitoring.config'}"]
    if request.param == "batching":
        command += ["--enable_batching"]
        command += [f"--batching_parameters_file={folder / 'batching.config'}"]
    log, url = tmp_path_factory.mktemp("model_server") / "log", f"http://127.0.0.1:{rest_port}"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def available():
        try:
            return "AVAILABLE" in httpx2.get(f"{url}/v1/models/tiny", timeout=10).text
        except httpx2.TransportError:
            return False

    try:
        wait_until(available, process, log)
        yield url, f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def rest(server):
    with httpx2.Client(base_url=server[0], timeout=60) as client:
        yield client


def assert_answers(found, expected):
    """Compares columns of JSON with arrays."""
    arrays = {name: to_array(values, expected[name].dtype) for name, values in found.items()}
    assert_alike(arrays, expected)


def text(value):
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.more
def test_rows_and_columns_named_and_not(rest, exchanges):
    for signature, inputs, outputs in exchanges:
        columns = {name: nested(array.tolist(), text) for name, array in inputs.items()}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        bodies = [{"instances": rows}, {"inputs": columns}]
        if len(columns) == 1:
            bodies += [{key: columns["text"]} for key in ("instances", "inputs")]
        for body in bodies:
            path = f"/v1/models/tiny{'/versions/1' * (body is bodies[0])}:predict"
            answer = rest.post(path, json={"signature_name": signature, **body})
            assert answer.status_code == 200, answer.text
            assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
            ((key, found),) = answer.json().items()
            assert key == ("predictions" if "instances" in body else "outputs")
            if key == "predictions":
                found = {name: [row[name] for row in found] for name in outputs}
            assert_answers(found, outputs)


def test_strings_in_base64(rest, exchanges):
    _, inputs, outputs = exchanges[0]
    encoded = [{"b64": base64.b64encode(value).decode()} for value in inputs["text"]]
    answer = rest.post("/v1/models/tiny:predict", json={"inputs": {"text": encoded}}).json()
    assert_answers(answer["outputs"], outputs)


ROW = {"instances": ["a"]}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "none:predict", ROW, 404, "Servable not found for request: Latest(none)"),
        ("POST", "tiny/versions/9:predict", ROW, 404, "Servable not found for request: Specific"),
        ("POST", "tiny:predict", ROW | {"signature_name": "x"}, 400, 'Serving signature name: "x"'),
        ("POST", "tiny:predict", {"instances": [{"none": 1}]}, 400, ""),
        ("POST", "tiny:predict", {"instances": []}, 400, ""),
        ("POST", "tiny:predict", {"instances": [12.5]}, 400, ""),
        ("POST", "tiny:predict", ROW | {"inputs": {}}, 400, ""),
        ("POST", "tiny:predict", {}, 400, ""),
        ("POST", "tiny:no_such_method", {}, 400, "Malformed request: POST /v1/models/"),
        ("GET", "tiny:predict", None, 400, "Malformed request: GET /v1/models/"),
        ("GET", "none", None, 404, "Could not find "),
        ("GET", "tiny/versions/9", None, 404, "Could not find "),
    ],
)
def test_errors(rest, method, path, body, status, message):
    answer = rest.request(method, f"/v1/models/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].startswith(message)


def test_status_and_metadata(rest, exchanges):
    available = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("tiny", "tiny/versions/1"):
        answer = rest.get(f"/v1/models/{path}").json()
        assert answer == {"model_version_status": [{"version": "1"} | available]}
    answer = rest.get("/v1/models/tiny/metadata").json()
    assert (answer["model_spec"]["name"], answer["model_spec"]["version"]) == ("tiny", "1")
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    for name, *parts in exchanges:
        assert signatures[name]["method_name"] == "tensorflow/serving/predict"
        for arrays, key in zip(parts, ("inputs", "outputs"), strict=True):
            assert signatures[name][key].keys() == arrays.keys()
            for tensor, array in arrays.items():
                info, dtype = signatures[name][key][tensor], tf.as_dtype(array.dtype)
                assert info["dtype"] == types_pb2.DataType.Name(dtype.as_datatype_enum)
                assert len(info["tensor_shape"]["dim"]) == array.ndim
                assert info["tensor_shape"]["dim"][0]["size"] == "-1", "of any batch size"


def test_many_clients_at_once_get_each_its_own_answer(server, exchanges):
    """Also where a server joins requests of unequal sizes."""
    url, address = server
    addresses = [(url, "rest"), *([(address, "grpc")] if address else [])]

    def ask(number):
        signature, inputs, outputs = exchanges[number % len(exchanges)]
        size = len(outputs["label"]) if number % 2 else 1
        address, protocol = addresses[number % len(addresses)]
        with Client(address, "tiny", protocol, timeout=60) as client:
            rows = client.predict({n: array[:size] for n, array in inputs.items()}, signature)
        expected = {name: array[:size] for name, array in outputs.items()}
        return {name: [row[name] for row in rows] for name in outputs}, expected

    with ThreadPoolExecutor(8) as clients:
        for found, expected in clients.map(ask, range(24)):
            assert_answers(found, expected)


def test_metrics_of_tensorflow_serving(server):
    if server[1]:
        metrics = httpx2.get(f"{server[0]}/monitoring/prometheus/metrics", timeout=60)
        assert metrics.status_code == 200
        assert "tensorflow" in metrics.text


SOURCE = Path(__file__).with_name("probe.cc")


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    """The compiled `probe.cc`: the C++ calls of TensorFlow Serving, XLA turned off as it does."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    binary = tmp_path_factory.mktemp("probe") / "probe"
    libraries = tf.sysconfig.get_lib()
    flags = [*tf.sysconfig.get_compile_flags(), *tf.sysconfig.get_link_flags()]
    flags += ["-l:libtensorflow_cc.so.2", f"-Wl,-rpath,{libraries}", "-O0", "-w"]
    command = ["g++", SOURCE, "-o", binary, *flags]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return binary


def probed(probe, folder, signature, inputs, scratch):
    """The outputs that the probe gives."""
    answers = scratch / "answers"
    answers.mkdir(parents=True)
    command = [probe, folder, signature, answers]
    for name, array in inputs.items():
        path = scratch / f"{name}.input"
        path.write_bytes(to_tensor_proto(array).SerializeToString())
        command += [name, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {
        path.name: tf.make_ndarray(TensorProto.FromString(path.read_bytes()))
        for path in answers.iterdir()
    }


@pytest.mark.long
def test_every_signature_answers_in_cpp_as_keras_does(probe, served, exchanges, tmp_path):
    for i, (signature, inputs, outputs) in enumerate(exchanges):
        found = probed(probe, served.version, signature, inputs, tmp_path / str(i))
        assert_alike(found, outputs)


@pytest.mark.long
def test_a_graph_that_demands_xla_fails_in_cpp(probe, tmp_path):
    """As in TensorFlow Serving: so the probe would notice such an export."""
    module, x = tf.Module(), tf.TensorSpec([None], tf.float32, "x")
    module.function = tf.function(lambda x: {"y": 2 * x}, [x], autograph=False, jit_compile=True)
    tf.saved_model.save(module, str(tmp_path / "model"), {"serving_default": module.function})
    inputs = {"x": np.ones(3, "float32")}
    with pytest.raises(AssertionError, match="XLA compilation disabled"):
        probed(probe, tmp_path / "model", "serving_default", inputs, tmp_path)
