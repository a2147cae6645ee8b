"""The C++ calls of TensorFlow Serving, XLA turned off as it does, load and run what is exported."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from support.predictor_case import assert_alike
from tensorflow.core.framework.tensor_pb2 import TensorProto

from zoo.serving.export.warmup import to_tensor_proto

SOURCE = Path(__file__).with_name("probe.cc")

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed"),
]


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


def run(probe, folder, signature, inputs, scratch):
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


def test_every_signature_answers_as_keras_does(probe, served, exchanges, tmp_path):
    for i, (signature, inputs, outputs) in enumerate(exchanges):
        found = run(probe, served.version, signature, inputs, tmp_path / str(i))
        assert_alike(found, outputs)


def test_a_graph_that_demands_xla_fails(probe, tmp_path):
    """As in TensorFlow Serving: so the probe would notice such an export."""
    module, x = tf.Module(), tf.TensorSpec([None], tf.float32, "x")
    module.function = tf.function(lambda x: {"y": 2 * x}, [x], autograph=False, jit_compile=True)
    tf.saved_model.save(module, str(tmp_path / "model"), {"serving_default": module.function})
    inputs = {"x": np.ones(3, "float32")}
    with pytest.raises(AssertionError, match="XLA compilation disabled"):
        run(probe, tmp_path / "model", "serving_default", inputs, tmp_path)
