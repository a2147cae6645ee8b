"""LiteRT: every network, run by its plain interpreter, answers as Keras does, or is refused."""

import sys

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from support.classifiers import EVERY_KIND, MIXED, assert_answers_alike, classifier, name_of

import zoo.serving.export.litert
from zoo.errors import UserError
from zoo.predictors import TextClassifier
from zoo.serving import ExportError


def runner(content):
    network = Interpreter(model_content=content).get_signature_runner()
    return lambda ids: network(token_ids=ids)["probabilities"]


def test_a_deep_network_answers_as_keras_does():
    options = {"layers": 2, "residual": True, "pooling": "last", "adversarial": 0.02}
    predictor = classifier(cell="gru", bidirectional=False, **options)
    content, difference = zoo.serving.export.litert.convert(predictor)
    assert 0 <= difference <= 1e-5
    assert_answers_alike(runner(content), predictor, batches=(1,))


@pytest.mark.long
@pytest.mark.parametrize("options", EVERY_KIND, ids=name_of)
def test_every_kind_answers_as_keras_does(options):
    predictor = classifier(**options)
    content, _ = zoo.serving.export.litert.convert(predictor)
    assert_answers_alike(runner(content), predictor, batches=(1,))


@pytest.mark.long
@pytest.mark.parametrize("policy", MIXED)
def test_mixed_precision_becomes_float32(policy):
    options = {"cell": "simplified_gru", "bidirectional": False}
    mixed, whole = classifier(policy=policy, **options), classifier(**options)
    content, _ = zoo.serving.export.litert.convert(mixed)
    assert_answers_alike(runner(content), whole, batches=(1,))


@pytest.fixture(scope="module")
def predictor():
    return classifier(("bad", "fair", "good"))


@pytest.fixture(scope="module")
def written(predictor, tmp_path_factory):
    return zoo.serving.export.litert.write(predictor, "tiny", tmp_path_factory.mktemp("out"))


def test_a_network_in_both_directions_answers_as_keras_does(written, predictor):
    run = runner((written / "model.tflite").read_bytes())
    assert_answers_alike(run, predictor, batches=(1,))


def test_inputs_and_outputs_have_names_and_a_free_length(written, predictor):
    interpreter = Interpreter(str(written / "model.tflite"))
    signatures = interpreter.get_signature_list()
    assert signatures == {
        "serving_default": {"inputs": ["token_ids"], "outputs": ["probabilities"]}
    }
    (ids,) = interpreter.get_input_details()
    assert (ids["dtype"], ids["shape_signature"].tolist()) == (np.int32, [1, -1])
    for timesteps in (5, 1, 9):  # without signatures, as on a device
        interpreter.resize_tensor_input(ids["index"], (1, timesteps))
        interpreter.allocate_tensors()
        rows = np.arange(1, timesteps + 1, dtype="int32")[None]
        interpreter.set_tensor(ids["index"], rows)
        interpreter.invoke()
        answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        expected = zoo.serving.export.network.Network(predictor).function(rows)["probabilities"]
        np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_what_needs_other_than_builtin_operations_is_refused(tmp_path):
    tokenizer = classifier().tokenizer
    ids = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(len(tokenizer.vocabulary), 3)(ids)
    total = keras.ops.erfinv(keras.ops.tanh(keras.ops.sum(vectors, axis=1)))
    predictor = TextClassifier(keras.Model(ids, total), tokenizer, ("bad", "fair", "good"))
    with pytest.raises(ExportError, match=r"built-in operations cannot express .* \(.+\)"):
        zoo.serving.export.litert.write(predictor, "tiny", tmp_path / "out")
    assert not list(tmp_path.iterdir())


class _UntrackedVariables(zoo.serving.export.litert.Network):
    """The network as the converter leaves it without weights: found through a Keras layer."""

    def __init__(self, predictor, batch):
        super().__init__(predictor, batch)
        self.model = self.function.python_function.__closure__[0].cell_contents
        del self.weights


def test_the_converters_fault_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo.serving.export.litert, "Network", _UntrackedVariables)
    with pytest.raises(ExportError, match="differs from the Keras model by nan"):
        zoo.serving.export.litert.write(classifier(bidirectional=False), "tiny", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named(predictor, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(UserError, match=r"ai_edge_litert.*zoo\[formats\]"):
        zoo.serving.export(predictor, "tiny", tmp_path, "litert")
    assert not list(tmp_path.iterdir())
