"""The C++ calls of TensorFlow Serving, XLA turned off as it does, load and run what is exported."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from support.conformance import Exchange
from support.exports import assert_alike
from tensorflow.core.framework.tensor_pb2 import TensorProto

from zoo.serving.export.warmup import to_tensor_proto

SOURCE = Path(__file__).with_name("probe.cc")

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="g++ is not installed, so the probe cannot be built"
)


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    """The compiled `probe.cc`."""
    binary = tmp_path_factory.mktemp("probe") / "probe"
    libraries = tf.sysconfig.get_lib()
    flags = [*tf.sysconfig.get_compile_flags(), *tf.sysconfig.get_link_flags()]
    flags += ["-l:libtensorflow_cc.so.2", f"-Wl,-rpath,{libraries}", "-O0", "-w"]
    command = ["g++", SOURCE, "-o", binary, *flags]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return binary


def run(probe, folder, exchange, scratch):
    """The outputs that the probe gives to the inputs of an exchange."""
    answers = scratch / "answers"
    answers.mkdir(parents=True)
    command = [probe, folder, exchange.signature, answers]
    for name, array in exchange.inputs.items():
        path = scratch / f"{name}.input"
        path.write_bytes(to_tensor_proto(array).SerializeToString())
        command += [name, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {
        path.name: tf.make_ndarray(TensorProto.FromString(path.read_bytes()))
        for path in answers.iterdir()
    }


def test_every_signature_answers_as_keras_does(probe, served, expected, tmp_path):
    exchanges = {}  # of each signature, the one whose answers differ most
    for exchange in sorted(expected.exchanges, key=lambda e: len({*e.outputs["label"]})):
        exchanges[exchange.signature] = exchange
    for signature, exchange in exchanges.items():
        outputs = run(probe, served.version, exchange, tmp_path / signature)
        assert_alike(outputs, exchange.outputs)


def test_a_graph_that_demands_xla_fails(probe, tmp_path):
    """As in TensorFlow Serving: so the probe would notice such an export."""
    module = tf.Module()
    module.function = tf.function(
        lambda x: {"y": 2 * x},
        input_signature=[tf.TensorSpec([None], tf.float32, "x")],
        jit_compile=True,
        autograph=False,
    )
    tf.saved_model.save(module, str(tmp_path / "model"), {"serving_default": module.function})
    x = np.ones(3, "float32")
    with pytest.raises(AssertionError, match="XLA compilation disabled"):
        run(probe, tmp_path / "model", Exchange("serving_default", {"x": x}, {}), tmp_path)
