"""`export`: versions that a server can read, audited, all of them or nothing."""

import errno
import stat
import subprocess
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from support import predictor_case
from support.classifiers import classifier
from support.exports import audit_here
from support.refusals import refused
from tensorflow.core.protobuf import saved_model_pb2

from zoo.errors import UserError
from zoo.layers import engines, handover
from zoo.predictors.endpoints import Endpoint, request
from zoo.serving import ExportError, export
from zoo.serving.export import audit as audit_module
from zoo.serving.export import configuration, saved_model, warmup
from zoo.serving.export.audit import audit
from zoo.serving.export.loaders import read_meta_graph

WRITE_OUT = type(keras.export.ExportArchive()), "write_out"


@pytest.fixture
def unchecked(monkeypatch):
    """Exports that write next to nothing, for tests of folders and names."""

    def write_graph(predictor, endpoints, folder):
        (folder / "saved_model.pb").touch()

    monkeypatch.setattr(saved_model, "_write_graph", write_graph)
    monkeypatch.setattr(saved_model.warmup, "write", lambda *arguments: None)
    monkeypatch.setattr(saved_model, "_audit", lambda folder: None)


@pytest.fixture(scope="module")
def predictor():
    return classifier()


def test_what_lies_there(served):
    versions, folder = served.version.parent, served.version.parents[1]
    assert [path.name for path in versions.iterdir()] == ["1"]
    assert (served.version / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 0
    assert stat.S_IMODE(served.version.stat().st_mode) == 0o755
    names = {path.name for path in folder.iterdir()}
    assert names == {"tiny", "models.config", "batching.config", "monitoring.config"}


@pytest.mark.parametrize("kind", ["tagger, crf", "language model of words"])
def test_an_export_of_a_machine_with_a_gpu_has_the_loop_alone(kind, tmp_path, monkeypatch):
    """Also where a prediction has made graphs of cuDNN before."""
    call, calls = handover._call, []

    def marked(cells, x, *arguments, **options):
        calls.append(cells)
        return call(cells, tf.roll(x, 0, 0), *arguments, **options)

    monkeypatch.setattr(engines, "has_gpu", lambda: True)
    monkeypatch.setattr(handover, "_call", marked)
    monkeypatch.setattr(saved_model, "_audit", audit_here)
    predictor = predictor_case.made.__wrapped__(kind)  # the others are left as they are
    calls.clear()  # Keras has asked for shapes
    with engines.use("loop"):
        predictor_case.answers(kind, predictor)
    assert not calls
    predictor_case.answers(kind, predictor)
    assert calls
    graph = read_meta_graph(export(predictor, "tiny", tmp_path)).graph_def
    operations = {node.op for function in graph.library.function for node in function.node_def}
    assert operations & {"While", "StatelessWhile"}
    assert "Roll" not in operations


@pytest.mark.usefixtures("unchecked")
def test_versions_count_up(predictor, tmp_path):
    (tmp_path / "tiny" / "7").mkdir(parents=True)
    (tmp_path / "tiny" / "9a").mkdir()
    assert export(predictor, "tiny", tmp_path).name == "8"
    assert export(predictor, "tiny", tmp_path).name == "9"


def test_publishing_at_the_same_time(tmp_path):
    """Each of many exporters gets a version of its own."""
    news = [tmp_path / f".exporting-{number}" for number in range(16)]
    for new in news:
        new.mkdir()
        (new / "saved_model.pb").write_text(new.name)
    threads = [threading.Thread(target=saved_model._publish, args=(n, tmp_path)) for n in news]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {path.name for path in tmp_path.iterdir()} == {str(n) for n in range(1, 17)}
    assert len({path.read_text() for path in tmp_path.glob("*/saved_model.pb")}) == 16


@pytest.mark.parametrize(
    ("place", "error", "raised", "message"),
    [
        ((saved_model, "_audit"), KeyboardInterrupt(), KeyboardInterrupt, "^$"),
        ((saved_model, "_audit"), ExportError("because"), ExportError, "because"),
        ((saved_model, "_publish"), OSError(errno.ENOSPC, "Full"), UserError, "to .*Full"),
        (WRITE_OUT, tf.errors.ResourceExhaustedError(None, None, "Full"), UserError, "to .*Full"),
    ],
)
def test_a_failed_export_leaves_nothing(
    place, error, raised, message, predictor, tmp_path, monkeypatch
):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(*WRITE_OUT, lambda *arguments, **options: None)
    monkeypatch.setattr(saved_model, "_audit", lambda folder: None)
    monkeypatch.setattr(*place, fail)
    with pytest.raises(raised, match=message):
        export(predictor, "tiny", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "with space"])
def test_names_that_cannot_be(predictor, tmp_path, name):
    refused("cannot name an exported model", export, predictor, name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("unchecked")
def test_folders_that_do_not_do(predictor, tmp_path):
    (tmp_path / "file").write_text("")
    refused("cannot write to", export, predictor, "tiny", tmp_path / "file" / "in it")
    (tmp_path / configuration.MODELS_NAME).write_text("models: many\n")
    refused(r"models\.config: not a list of models", export, predictor, "tiny", tmp_path)
    assert not (tmp_path / "tiny").exists(), "refused before there is a version"
    with pytest.raises(ValueError, match="`format` must be one of saved_model, onnx, litert"):
        export(predictor, "tiny", tmp_path, "pickle")


@pytest.mark.long
def test_mixed_precision(tmp_path, monkeypatch):
    monkeypatch.setattr(saved_model, "_audit", audit_here)
    export(classifier(policy="mixed_bfloat16", cell="gru", pooling="last"), "tiny", tmp_path)


def make_version(versions):
    (versions / "1").mkdir(parents=True)
    (versions / "1" / "saved_model.pb").touch()


def test_configuration_of_exports_at_the_same_time(tmp_path, monkeypatch):
    """None of them drops the model of another from the list."""
    replace = configuration._replace

    def replace_late(path, content):
        monkeypatch.setattr(configuration, "_replace", replace)
        make_version(tmp_path / "two")
        configuration.update(tmp_path)
        replace(path, content)  # which knows nothing of "two"

    make_version(tmp_path / "one")
    monkeypatch.setattr(configuration, "_replace", replace_late)
    configuration.update(tmp_path)
    models = configuration.read_models(tmp_path)
    assert {model.name for model in models} == {"one", "two"}


def test_configuration_keeps_what_is_there(tmp_path):
    make_version(tmp_path / "one")
    configuration.update(tmp_path)
    path = tmp_path / configuration.MODELS_NAME
    (model,) = configuration.read_models(tmp_path)
    assert (model.name, model.base_path) == ("one", str(tmp_path / "one"))
    assert model.model_platform == "tensorflow"

    model.model_version_policy.specific.versions.append(1)
    model.version_labels["stable"] = 1
    listed = text_format.MessageToString(model)
    path.write_text(f"# ours\nmodel_config_list {{ config {{ {listed} }} }}")
    configuration.update(tmp_path)
    assert path.read_text().startswith("# ours\n"), "nothing is to be added"
    (tmp_path / configuration.BATCHING_NAME).write_text("max_batch_size { value: 8 }\n")
    make_version(tmp_path / "two")
    configuration.update(tmp_path)
    first, second = configuration.read_models(tmp_path)
    assert (first, second.name) == (model, "two")
    batching = (tmp_path / configuration.BATCHING_NAME).read_text()
    assert batching == "max_batch_size { value: 8 }\n"


def test_on_another_backend_nothing_is_exported(predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    refused("KERAS_BACKEND=tensorflow", export, predictor, "tiny", tmp_path)
    assert list(tmp_path.iterdir()) == []


VECTOR = tf.TensorSpec([None], tf.float32, "x")


def double(x):
    return {"y": 2 * x}


def write(folder, function=double, spec=VECTOR, answer=double, sizes=(1, 3), change=None):
    """A SavedModel with warm-up requests and the answers that it should give, its graph changed."""
    module = tf.Module()
    module.variable = tf.Variable(1.0)
    module.serve = tf.function(function, input_signature=(spec,), autograph=False)
    tf.saved_model.save(module, str(folder), {"serving_default": module.serve})
    examples = [request(x=np.ones(size, "float32")) for size in sizes]
    answers = Endpoint("serving_default", (spec,), function, examples, lambda x: answer(**x))
    warmup.write(folder, "model", [answers])
    if change:
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


def foreign_operation(graph):
    nodes = [node for function in graph.graph_def.library.function for node in function.node_def]
    next(node for node in nodes if node.op == "Mul").op = "OurOwnMul"


def output_named_as_an_input(graph):
    signature = graph.signature_def["serving_default"]
    signature.outputs["x"].CopyFrom(signature.outputs["y"])


def no_default_signature(graph):
    graph.signature_def["other"].CopyFrom(graph.signature_def["serving_default"])
    del graph.signature_def["serving_default"]


def of_shape(shape):
    spec = tf.TensorSpec(shape, tf.float32, "x")
    return {"function": lambda x: {"y": tf.reshape(x, [-1])}, "spec": spec}


@pytest.mark.parametrize(
    ("made", "finding"),
    [
        ({"function": python_operation}, "operation PyFunc: it calls Python, which a server has "),
        ({"function": forced_xla}, "demands XLA (_XlaMustCompile), which servers turn off"),
        ({"function": gpu_operation}, "operation CudnnRNN: it needs a GPU"),
        ({"function": gpu_device}, "device /device:GPU:0: a server may have none"),
        ({"function": lambda x: {"y": tf.reduce_sum(x)}}, "y is not batch-major, of shape ()"),
        ({"function": lambda x: {"y": x / 0}}, "y differs from Keras by up to inf"),
        ({"function": too_long_for_itself}, "serving_default: request 2 fails: "),
        (of_shape(()), "serving_default: x is not batch-major, of shape ()"),
        (of_shape((1,)), "serving_default: x is not batch-major, of shape (1,)"),
        (of_shape(None), "serving_default: x is not batch-major, of shape <unknown>"),
        ({"change": foreign_operation}, "operation OurOwnMul: not of stock TensorFlow"),
        ({"change": output_named_as_an_input}, "serving_default: x is an input and an output"),
        ({"change": no_default_signature}, "there is no signature serving_default"),
        ({"change": lambda graph: graph.meta_info_def.tags.remove("serve")}, "it does not load: "),
    ],
)
def test_a_graph_that_does_not_serve(tmp_path, made, finding):
    assert finding in "\n".join(audit(write(tmp_path, **made)))


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
