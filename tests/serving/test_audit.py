"""The audit finds each fault that a server would stumble on, and nothing in a sound model."""

import subprocess

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from zoo.predictors.endpoints import Endpoint, request
from zoo.serving import ExportError
from zoo.serving.export import audit as audit_module
from zoo.serving.export import saved_model, warmup
from zoo.serving.export.audit import audit

VECTOR = tf.TensorSpec([None], tf.float32, "x")


def double(x):
    return {"y": 2 * x}


def write(folder, function=double, spec=VECTOR, answer=double, sizes=(1, 3)):
    """A SavedModel with warm-up requests and the answers that it should give."""
    module = tf.Module()
    module.variable = tf.Variable(1.0)
    module.serve = tf.function(function, input_signature=(spec,), autograph=False)
    tf.saved_model.save(module, str(folder), {"serving_default": module.serve})
    examples = [request(x=np.ones(size, "float32")) for size in sizes]
    answers = Endpoint("serving_default", (spec,), function, examples, lambda x: answer(**x))
    warmup.write(folder, "model", [answers])
    return folder


def rewrite(folder, change):
    """Changes the graph of a SavedModel."""
    path = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    change(model.meta_graphs[0])
    path.write_bytes(model.SerializeToString())
    return folder


def test_a_sound_model(tmp_path):
    assert audit(write(tmp_path, answer=lambda x: {"y": 2 * x + np.float32(1e-6)})) == []


def python_operation(x):
    y = tf.numpy_function(lambda x: 2 * x, [x], tf.float32)
    return {"y": tf.ensure_shape(y, [None])}


def forced_xla(x):
    return tf.function(double, input_signature=(VECTOR,), jit_compile=True)(x)


def gpu_operation(x):
    state = tf.zeros([1, 1, 1])
    options = {"input_h": state, "input_c": state, "params": tf.zeros([16]), "rnn_mode": "lstm"}
    outputs = tf.raw_ops.CudnnRNN(input=tf.reshape(x, [-1, 1, 1]), **options)
    return {"y": tf.reshape(outputs.output, [-1])}


def gpu_device(x):
    with tf.device("/device:GPU:0"):
        return {"y": 2 * x}


def too_long_for_itself(x):
    with tf.control_dependencies([tf.debugging.assert_less(tf.size(x), 2)]):
        return double(x)


@pytest.mark.parametrize(
    ("function", "finding"),
    [
        (python_operation, "operation PyFunc: it calls Python, which a server has not"),
        (forced_xla, "demands XLA (_XlaMustCompile), which servers turn off"),
        (gpu_operation, "operation CudnnRNN: it needs a GPU"),
        (gpu_device, "device /device:GPU:0: a server may have none"),
        (lambda x: {"y": tf.reduce_sum(x)}, "serving_default: y is not batch-major, of shape ()"),
        (lambda x: {"y": x / 0}, "y differs from Keras by up to inf"),
        (too_long_for_itself, "serving_default: request 2 fails: "),
    ],
)
def test_a_graph_that_does_not_serve(tmp_path, function, finding):
    assert finding in "\n".join(audit(write(tmp_path, function)))


@pytest.mark.parametrize("shape", [(), (1,), None], ids=["scalar", "one row", "any rank"])
def test_input_that_is_not_batch_major(tmp_path, shape):
    spec = tf.TensorSpec(shape, tf.float32, "x")
    findings = audit(write(tmp_path, lambda x: {"y": tf.reshape(x, [-1])}, spec))
    shown = "<unknown>" if shape is None else shape
    assert f"serving_default: x is not batch-major, of shape {shown}" in findings


def foreign_operation(graph):
    nodes = [node for function in graph.graph_def.library.function for node in function.node_def]
    next(node for node in nodes if node.op == "Mul").op = "OurOwnMul"


def output_named_as_an_input(graph):
    signature = graph.signature_def["serving_default"]
    signature.outputs["x"].CopyFrom(signature.outputs["y"])


def no_default_signature(graph):
    graph.signature_def["other"].CopyFrom(graph.signature_def["serving_default"])
    del graph.signature_def["serving_default"]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (foreign_operation, "operation OurOwnMul: not of stock TensorFlow"),
        (output_named_as_an_input, "serving_default: x is an input and an output"),
        (no_default_signature, "there is no signature serving_default"),
        (lambda graph: graph.meta_info_def.tags.remove("serve"), "it does not load: "),
    ],
)
def test_a_changed_graph(tmp_path, change, finding):
    assert finding in "\n".join(audit(rewrite(write(tmp_path), change)))


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        (lambda x: {"y": 2 * x + np.float32(1e-3)}, "y differs from Keras by up to 1.0e-03"),
        (lambda x: {"y": 2 * x[:, None]}, "y is float32 (1,), not float32 (1, 1)"),
        (lambda x: {"y": (2 * x).astype("float64")}, "y is float32 (1,), not float64 (1,)"),
        (lambda x: {"z": 2 * x}, "only one of server and Keras has z"),
        (lambda x: {"y": x * np.nan}, "y differs from Keras by up to nan"),
    ],
)
def test_an_answer_other_than_of_keras(tmp_path, answer, finding):
    found = audit(write(tmp_path, answer=answer))
    assert f"serving_default: request 1: {finding}" in found
    assert any(line.startswith("serving_default: request 2: ") for line in found)


def test_requests_that_show_too_little_or_are_too_many(tmp_path):
    one_size = "serving_default: no warm-up requests of two sizes, so it is not known to take any"
    for name, sizes in (("none", ()), ("one", (2, 2))):
        assert audit(write(tmp_path / name, sizes=sizes)) == [f"{one_size} size"]
    found = audit(write(tmp_path / "many", sizes=(1, 2) * 501))
    assert found == ["more than 1000 warm-up requests"]


def test_what_is_missing_or_damaged(tmp_path):
    path = write(tmp_path) / warmup.NAME
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)
    assert audit(tmp_path)[0].startswith("warm-up requests cannot be read: ")
    path.unlink()
    assert audit(tmp_path)[0].startswith("warm-up requests cannot be read: ")
    write(tmp_path / "other")
    (tmp_path / "other" / "saved_model.pb").write_bytes(b"no model")
    assert audit(tmp_path / "other")[0].startswith("it does not load: ")


def test_an_export_is_audited_in_a_process_without_the_zoos_layers(tmp_path, monkeypatch):
    done, run = [], subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **kw: done.append(run(*a, **kw)) or done[0])
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")  # lists what is imported
    write(tmp_path, answer=lambda x: {"y": x})
    with pytest.raises(ExportError, match=r"not exported: .*1: y differs.*; .*2: y differs"):
        saved_model._audit(tmp_path)
    imported = {line.rpartition("|")[2].strip() for line in done[0].stderr.splitlines()}
    assert "zoo.serving.export.loaders" in imported
    assert not imported & {"keras", "zoo.layers", "zoo.cells"}


@pytest.mark.parametrize(("border", "found"), [(0.7, 0), (0.80004, 0), (0.9, 1), (0.4, 1)])
def test_a_draw_may_fall_on_the_border_of_two_tokens(border, found):
    inputs = request(temperature=[0.8, 0.5])
    answer = request(text=["above", "below"])
    drawn = Endpoint("generate", (), None, [inputs], lambda inputs: answer)

    class Model:
        def run(self, signature, inputs):
            return request(text=np.where(inputs["temperature"] > border, "above", "below"))

    log = warmup._log("model", drawn, inputs)
    assert len([*audit_module._answers(Model(), [log])]) == found
