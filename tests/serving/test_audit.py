"""The audit finds each fault that a server would stumble on, and nothing in a sound model."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from zoo.predictors.endpoints import Endpoint, request
from zoo.serving.export import warmup
from zoo.serving.export.audit import audit
from zoo.serving.protobufs import saved_model_pb2, to_tensor_proto

VECTOR = tf.TensorSpec([None], tf.float32, "x")


def double(x):
    return {"y": 2 * x}


def write(folder, function=double, inputs=(VECTOR,), answer=lambda x: {"y": 2 * x}, sizes=(1, 3)):
    """A SavedModel with warm-up requests and the answers that it should give."""
    module = tf.Module()
    module.variable = tf.Variable(1.0)
    module.serve = tf.function(function, input_signature=inputs, autograph=False)
    tf.saved_model.save(module, str(folder), {"serving_default": module.serve})
    examples = [
        {spec.name: np.ones([size] * spec.shape.rank, spec.dtype.as_numpy_dtype) for spec in inputs}
        for size in sizes
    ]
    endpoint = Endpoint(
        "serving_default", inputs, function, examples, lambda inputs: answer(**inputs)
    )
    warmup.write(folder, "model", [endpoint])
    return folder


def test_a_sound_model(tmp_path):
    assert audit(write(tmp_path)) == []


def test_python_operation(tmp_path):
    def function(x):
        y = tf.numpy_function(lambda x: 2 * x, [x], tf.float32)
        return {"y": tf.ensure_shape(y, [None])}

    assert audit(write(tmp_path, function)) == [
        "operation PyFunc: it calls Python, which a server has not"
    ]


def test_forced_xla(tmp_path):
    compiled = tf.function(double, input_signature=(VECTOR,), jit_compile=True)
    findings = audit(write(tmp_path, lambda x: compiled(x)))
    assert findings
    assert all("demands XLA (_XlaMustCompile)" in finding for finding in findings)


def test_gpu_only_operation(tmp_path):
    def function(x):
        state = tf.zeros([1, 1, 1])
        weights = tf.zeros([16])  # an LSTM of one unit has 8 weights and 8 biases
        sequence = tf.reshape(x, [-1, 1, 1])
        outputs = tf.raw_ops.CudnnRNN(
            input=sequence, input_h=state, input_c=state, params=weights, rnn_mode="lstm"
        )
        return {"y": tf.reshape(outputs.output, [-1])}

    module = tf.Module()
    module.serve = tf.function(function, input_signature=(VECTOR,), autograph=False)
    tf.saved_model.save(module, str(tmp_path), {"serving_default": module.serve})
    warmup.write(tmp_path, "model", [])
    assert audit(tmp_path) == ["operation CudnnRNN: it needs a GPU"]


def test_gpu_device(tmp_path):
    def function(x):
        with tf.device("/device:GPU:0"):
            return {"y": 2 * x}

    assert "device /device:GPU:0: a server may have none" in audit(write(tmp_path, function))


def test_operation_that_is_not_stock(tmp_path):
    write(tmp_path)

    def rename(model):
        library = model.meta_graphs[0].graph_def.library
        nodes = [node for function in library.function for node in function.node_def]
        next(node for node in nodes if node.op == "Mul").op = "OurOwnMul"

    rewrite(tmp_path, rename)
    assert any("OurOwnMul" in finding for finding in audit(tmp_path))


def rewrite(folder, change):
    path = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    change(model)
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize("shape", [(), (1,), None], ids=["scalar", "one row", "any rank"])
def test_input_that_is_not_batch_major(tmp_path, shape):
    spec = tf.TensorSpec(shape, tf.float32, "x")
    module = tf.Module()
    module.serve = tf.function(
        lambda x: {"y": tf.reshape(x, [-1])}, input_signature=(spec,), autograph=False
    )
    tf.saved_model.save(module, str(tmp_path), {"serving_default": module.serve})
    warmup.write(tmp_path, "model", [])
    assert f"serving_default: x is not batch-major, of shape {shape}" in audit(tmp_path)


def test_output_that_is_not_batch_major(tmp_path):
    findings = audit(write(tmp_path, lambda x: {"y": tf.reduce_sum(x)}))
    assert findings == ["serving_default: y is not batch-major, of shape ()"]


def test_output_named_as_an_input(tmp_path):
    write(tmp_path)

    def rename(model):
        signature = model.meta_graphs[0].signature_def["serving_default"]
        signature.outputs["x"].CopyFrom(signature.outputs["y"])

    rewrite(tmp_path, rename)
    assert audit(tmp_path) == ["serving_default: x is an input and an output"]


def test_no_default_signature(tmp_path):
    write(tmp_path)

    def rename(model):
        signatures = model.meta_graphs[0].signature_def
        signatures["other"].CopyFrom(signatures["serving_default"])
        del signatures["serving_default"]

    rewrite(tmp_path, rename)
    assert audit(tmp_path) == ["there is no signature serving_default"]


def test_answer_that_differs(tmp_path):
    findings = audit(write(tmp_path, answer=lambda x: {"y": 2 * x + np.float32(1e-3)}))
    assert len(findings) == 2
    assert "request 1: y differs from Keras by up to 1.0e-03" in findings[0]


def test_answer_within_rounding(tmp_path):
    assert audit(write(tmp_path, answer=lambda x: {"y": 2 * x + np.float32(1e-6)})) == []


def test_answer_of_another_shape_type_or_name(tmp_path):
    wrong = {
        "shape": lambda x: {"y": 2 * x[:, None]},
        "type": lambda x: {"y": (2 * x).astype("float64")},
        "name": lambda x: {"z": 2 * x},
    }
    for name, answer in wrong.items():
        assert audit(write(tmp_path / name, answer=answer)), name


def test_answer_that_is_no_number(tmp_path):
    findings = audit(write(tmp_path, lambda x: {"y": x / 0}, answer=lambda x: {"y": x * np.nan}))
    assert findings


def test_request_that_fails(tmp_path):
    def function(x):
        with tf.control_dependencies([tf.debugging.assert_less(tf.size(x), 2)]):
            return double(x)

    (finding,) = audit(write(tmp_path, function))
    assert finding.startswith("serving_default: request 2 fails: ")


def test_signature_that_nobody_has_asked(tmp_path):
    assert audit(write(tmp_path, sizes=())) == [
        "serving_default: no warm-up requests of two sizes, so it is not known to take any size"
    ]
    assert len(audit(write(tmp_path / "one", sizes=(2,)))) == 1


def test_too_many_requests(tmp_path):
    findings = audit(write(tmp_path, sizes=(1, 2) * 501))
    assert findings == ["more than 1000 warm-up requests"]


def test_what_is_missing_or_damaged(tmp_path):
    write(tmp_path)
    path = tmp_path / warmup.NAME
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)
    assert "damaged at byte" in audit(tmp_path)[0]
    path.unlink()
    assert "warm-up requests cannot be read" in audit(tmp_path)[0]
    write(tmp_path / "other")
    (tmp_path / "other" / "saved_model.pb").write_bytes(b"no model")
    assert "it does not load" in audit(tmp_path / "other")[0]


def test_as_a_program(tmp_path):
    """It prints its findings and never loads TensorFlow's Python."""
    write(tmp_path, answer=lambda x: {"y": x})
    code = (
        "import runpy, sys; sys.argv = ['audit', sys.argv[1]]\n"
        "try: runpy.run_module('zoo.serving.export.audit', run_name='__main__')\n"
        "finally: assert 'tensorflow.python' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("differs from Keras") == 2


def test_records_are_those_that_tensorflow_reads(tmp_path):
    write(tmp_path)
    records = list(tf.data.TFRecordDataset(str(tmp_path / warmup.NAME)).as_numpy_iterator())
    logs = list(warmup.read(tmp_path / warmup.NAME))
    assert [log.SerializeToString() for log in logs] == records
    assert len(records) == 2
    sent = logs[1].predict_log.request.inputs["x"]
    assert sent == to_tensor_proto(request(x=np.ones(3, "float32"))["x"])
