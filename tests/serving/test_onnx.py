"""ONNX: every network, run by ONNX Runtime, answers as Keras does, or is refused."""

import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from support.classifiers import EVERY_KIND, MIXED, assert_answers_alike, classifier, name_of

import zoo
from zoo.errors import UserError
from zoo.serving import ExportError
from zoo.serving.export import onnx as onnx_export


def runner(content):
    session = onnxruntime.InferenceSession(content)
    return lambda ids: session.run(["probabilities"], {"token_ids": ids})[0]


def test_a_deep_network_answers_as_keras_does():
    options = {"layers": 2, "residual": True, "pooling": "last", "adversarial": 0.02}
    predictor = classifier(cell="gru", bidirectional=False, **options)
    content, difference = onnx_export.convert(predictor)
    assert 0 <= difference <= 1e-5
    assert_answers_alike(runner(content), predictor, batches=(1, 2, 5))


@pytest.mark.long
@pytest.mark.parametrize("options", EVERY_KIND, ids=name_of)
def test_every_kind_answers_as_keras_does(options):
    predictor = classifier(**options)
    content, _ = onnx_export.convert(predictor)
    assert_answers_alike(runner(content), predictor, batches=(1, 5))


@pytest.mark.parametrize("policy", MIXED)
def test_mixed_precision_becomes_float32(policy):
    options = {"cell": "simplified_gru", "bidirectional": False}
    mixed, whole = classifier(policy=policy, **options), classifier(**options)
    content, _ = onnx_export.convert(mixed)
    assert_answers_alike(runner(content), whole, batches=(2,))
    assert mixed.model.get_layer("recurrence").compute_dtype == policy.removeprefix("mixed_")


@pytest.fixture(scope="module")
def predictor():
    return classifier(("bad", "fair", "good"))


@pytest.fixture(scope="module")
def written(predictor, tmp_path_factory):
    return onnx_export.write(predictor, "tiny", tmp_path_factory.mktemp("out"))


def test_a_network_in_both_directions_answers_as_keras_does(written, predictor):
    run = runner((written / "model.onnx").read_bytes())
    assert_answers_alike(run, predictor, batches=(1, 2, 5))


def test_inputs_and_outputs_have_names_and_free_dimensions(written, predictor):
    session = onnxruntime.InferenceSession(written / "model.onnx")
    (ids,), (probabilities,) = session.get_inputs(), session.get_outputs()
    assert (ids.name, ids.type, ids.shape) == ("token_ids", "tensor(int32)", ["batch", "timesteps"])
    assert (probabilities.name, probabilities.type) == ("probabilities", "tensor(float)")
    assert probabilities.shape == ["batch", len(predictor.label_names)]
    model = onnx.load(written / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}  # standard operators only


def test_rows_of_padding_only_are_numbers(written, predictor):
    run = runner((written / "model.onnx").read_bytes())
    ids = np.array([[3, 4, 2], [0, 0, 0]], dtype="int32")
    expected = zoo.serving.export.network.Network(predictor).function(ids)["probabilities"]
    np.testing.assert_allclose(run(ids), expected, atol=1e-5)


def test_the_converters_fault_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx, "_keep_selections", lambda graph, operations: operations)
    predictor = classifier(bidirectional=False)
    with pytest.raises(ExportError, match="differs from the Keras model by nan"):
        onnx_export.write(predictor, "tiny", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_what_onnx_cannot_express_is_refused(tmp_path):
    predictor = classifier(bidirectional=False, cell_options={"activation": "gelu"})
    with pytest.raises(ExportError, match=r"ONNX cannot express this network \(.*Erfc"):
        onnx_export.write(predictor, "tiny", tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "tf2onnx"])
def test_a_missing_package_is_named(package, predictor, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"{package} is missing.*zoo\[formats\]"):
        zoo.serving.export(predictor, "tiny", tmp_path, "onnx")
    assert not list(tmp_path.iterdir())
