"""A translator as a server has it: strings in, strings out, beam search in the graph."""

import numpy as np
import pytest
from support.translation_pairs import predictor_of

from zoo.predictors import presets
from zoo.serving import export
from zoo.serving.c_api import SavedModel
from zoo.serving.export import audit

TEXTS = ["the cat.", "", "the big dog sees the old cat and hears the dog.", "Köln 😀", "\u200b"]


@pytest.fixture(scope="module", params=["subword", "character"])
def predictor(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    options = {"subword": {"attention": "multiplicative", "layers": 2}, "character": {}}
    presets.save(predictor_of(request.param, **options[request.param]), folder, {})
    return presets.load(folder)


@pytest.fixture(scope="module")
def version(predictor, tmp_path_factory):
    return export(predictor, "translator", tmp_path_factory.mktemp("served"), "saved_model")


def test_audit(version):
    assert audit.audit(version) == []


def test_answers_are_those_of_the_predictor(predictor, version):
    with SavedModel(version) as model:
        found = model.run("serving_default", {"text": TEXTS})
        alone = [model.run("serving_default", {"text": [text]}) for text in TEXTS]
    expected = predictor.predict(TEXTS)
    assert [t.decode() for t in found["translation"]] == [e["translation"] for e in expected]
    totals = [sum(h["log_probability"] for h in e["hypotheses"]) for e in expected]
    np.testing.assert_allclose(found["log_probability"], totals, rtol=1e-4)
    for name, values in found.items():
        each = np.concatenate([answer[name] for answer in alone])
        if name == "translation":
            assert values.tolist() == each.tolist()
        else:
            np.testing.assert_allclose(values, each, rtol=1e-4)
