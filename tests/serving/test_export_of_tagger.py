"""A tagger as a server has it: texts in, entities out, the same as `predict` finds."""

import numpy as np
import pytest
import tensorflow as tf
from support.command_lines import assert_refused
from support.entity_tagging import call, execute_ner

import zoo
from zoo.serving.c_api import SavedModel

TEXTS = [
    "Ann Lee met Bob in Rome, and Bob met Ann.",
    "",
    "Bob",
    " \n\t ",
    "\U0001f600 Joe, e\u0301te\u0301 in Ko\u0308ln\n\nand New\u00a0York\x00Rome",
    "Eva Maria Kohl went to Bonn . " * 30,
]
OUTPUTS = {
    "entity_type": object,
    "entity_text": object,
    "entity_start": np.int32,
    "entity_end": np.int32,
    "entity_probability": np.float32,
}


@pytest.fixture(scope="module")
def predictor(trained_tagger):
    return zoo.load(trained_tagger)


@pytest.fixture(scope="module")
def version(trained_tagger, tmp_path_factory):
    """An export by the command line, which has passed the audit."""
    out = tmp_path_factory.mktemp("served")
    assert execute_ner("export", "--model", trained_tagger, "--out", out, "--name=entities") == 0
    return out / "entities" / "1"


@pytest.fixture(scope="module")
def served(version):
    with SavedModel(version) as model:
        yield model


def entities_of(answer):
    """The rows of an answer, read as a client reads them: a start of -1 is padding."""
    rows = zip(*(answer[name] for name in OUTPUTS), strict=True)
    found = []
    for row in rows:
        values = [entity for entity in zip(*row, strict=True) if entity[2] >= 0]
        keys = ("type", "text", "start", "end", "probability")
        found.append([dict(zip(keys, entity, strict=True)) for entity in values])
        for entity in found[-1]:
            entity.update(type=entity["type"].decode(), text=entity["text"].decode())
    return found


def assert_same(answer, predictions):
    found = entities_of(answer)
    assert len(found) == len(predictions)
    for entities, prediction in zip(found, predictions, strict=True):
        expected = prediction["entities"]
        assert len(entities) == len(expected)
        for entity, other in zip(entities, expected, strict=True):
            assert entity.pop("probability") == pytest.approx(other["probability"], abs=1e-5)
            assert entity.items() < other.items()


def test_signature(served):
    assert served.signatures.keys() == {"serving_default"}
    signature = served.signatures["serving_default"]
    ((name, text),) = signature.inputs.items()
    assert (name, text.dtype, text.shape) == ("text", object, (None,))
    assert signature.outputs.keys() == OUTPUTS.keys()
    for name, spec in signature.outputs.items():
        assert (spec.dtype, spec.shape) == (OUTPUTS[name], (None, None))


def test_texts_of_different_lengths(served, predictor):
    expected = predictor.predict(TEXTS)
    assert {e["type"] for p in expected for e in p["entities"]} == {"LOC", "PER"}, "or little shows"
    answer = served.run("serving_default", {"text": TEXTS})
    assert len({array.shape for array in answer.values()}) == 1
    assert_same(answer, expected)
    for text, prediction in zip(TEXTS, expected, strict=True):
        assert_same(served.run("serving_default", {"text": [text]}), [prediction])


def test_padding(served):
    """Nothing is said where there is no entity."""
    answer = served.run("serving_default", {"text": [*TEXTS, ""]})
    padding = answer["entity_start"] < 0
    assert padding[-1].all()
    assert set(answer["entity_type"][padding]) == set(answer["entity_text"][padding]) == {b""}
    assert (answer["entity_end"][padding] == -1).all()
    assert (answer["entity_probability"][padding] == 0).all()


@pytest.mark.parametrize("texts", [[], [""], ["", " ", "\n"]])
def test_texts_without_tokens(texts, served):
    answer = served.run("serving_default", {"text": np.array(texts, object)})
    assert entities_of(answer) == [[]] * len(texts)


def test_bytes_that_are_no_text(served, predictor):
    """They count as U+FFFD, one character each."""
    answer = served.run("serving_default", {"text": [b"\xff Ann Lee met \xc3 Bob"]})
    assert_same(answer, predictor.predict(["\ufffd Ann Lee met \ufffd Bob"]))
    assert entities_of(answer)[0], "or nothing is shown"


def test_the_vocabularies_are_assets(version, trained_tagger):
    for name in ("vocabulary.txt", "characters.txt"):
        assert (version / "assets" / name).read_bytes() == (trained_tagger / name).read_bytes()


def test_every_weight_is_kept_once(version, predictor):
    stored = tf.train.list_variables(str(version / "variables" / "variables"))
    sizes = [np.prod(shape, dtype=int) for name, shape in stored if "VARIABLE_VALUE" in name]
    assert sum(sizes) == predictor.model.count_params()


@pytest.mark.parametrize("file_format", ["onnx", "litert"])
def test_formats_of_a_network_alone(file_format, capfd, trained_tagger, tmp_path):
    arguments = ("--model", trained_tagger, "--out", tmp_path / "out", "--format", file_format)
    assert_refused(call(capfd, "export", *arguments), "export it as a saved_model")
    assert not (tmp_path / "out").exists()
