"""What holds of every predictor: order, empty input, files, endpoints, backends, refusals."""

import functools
import importlib.util
import itertools
import json
import pickle
import types
import unicodedata

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import predictor_case, spoken_words
from support.clips import written
from support.predictor_case import (
    CASES,
    FIRST_OF_EACH,
    OF_TEXTS,
    answers,
    assert_alike,
    each,
    made,
)
from support.processes import run_script

import zoo
from zoo.audio import write
from zoo.datasets.text_classification import LabelledTexts
from zoo.errors import UserError
from zoo.evaluation.calibration import tempered
from zoo.predictors import PREDICTORS, presets
from zoo.predictors import base as module
from zoo.predictors.base import Predictor, batches_by_length
from zoo.predictors.calibration import Calibration
from zoo.text.normalization import normalize

PARTS = {"source_tokenizer", "target_tokenizer", "tokenizer", "encoder", "label_names", "tag_names"}
PARTS |= {"features", "normalization"}
EACH, EACH_OF_TEXTS = each(), each(OF_TEXTS)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder of a saved model of each case."""
    folder = tmp_path_factory.mktemp("saved")
    for name in CASES:
        presets.save(made(name), folder / name, {})
    return folder


@functools.cache
def predicted(name):
    return made(name).predict(CASES[name].inputs)


def test_every_kind_is_here():
    assert {type(made(name)) for name in CASES} == set(PREDICTORS.values())
    assert all(issubclass(kind, Predictor) for kind in PREDICTORS.values())
    assert all(kind.kind == name for name, kind in PREDICTORS.items())


@EACH
def test_answers_are_in_the_order_of_the_inputs_whatever_the_batch(name, monkeypatch):
    predictor, inputs = made(name), CASES[name].inputs
    together = predicted(name)
    assert len({json.dumps(answer) for answer in together}) > 1, "or the order would show nothing"
    assert_alike([predictor.predict([one])[0] for one in inputs], together, 1e-4)
    batches = batches_by_length
    for size in (2, 3):  # of whatever batches a predictor makes
        smaller = lambda lengths, _, most, size=size: batches(lengths, size, most)  # noqa: E731
        monkeypatch.setattr(module, "batches_by_length", smaller)
        assert_alike(predictor.predict(iter(inputs[::-1])), together[::-1], 1e-4)


@EACH_OF_TEXTS
def test_no_inputs_have_no_answers_and_what_is_no_list_of_strings_is_refused(name):
    predictor, text = made(name), CASES[name].inputs[0]
    assert predictor.predict([]) == []
    for inputs, hint in (
        (text, "not one string"),
        (text.encode(), "not a bytes"),
        ({"text": [text]}, "not a dict"),
        ({text}, "not a set"),
        (types.SimpleNamespace(columns=["text"]), "not a SimpleNamespace"),  # a table
        (np.array([[text]]), r"not an array of the shape \(1, 1\)"),
        (np.array(text), r"not an array of the shape \(\)"),
        (None, "not None"),
        ([text, None], "item 1 is None"),
        ((text, float("nan")), "item 1 is nan, of the type float"),
        ([[text]], r"item 0 is \[.*\], of the type list"),
        ([text, text.encode()], "item 1 is b'.*', of the type bytes"),
        ([text, "\ud800"], "item 1 has half of a surrogate pair"),
    ):
        with pytest.raises(TypeError, match=hint):
            predictor.predict(inputs)
    if predictor.kind != "entity_tagger":  # which cuts what is too long
        with pytest.raises(UserError, match=r"item 1 has .* are the most"):
            predictor.predict([text, " " * (predictor.longest + 1)])


@EACH_OF_TEXTS
def test_the_system_that_a_text_comes_from_is_no_matter(name):
    """A byte order mark, the ends of lines and the form of Unicode; a tuple, an array or a list."""
    plain = "Köln, été\n\nThe king is dead."
    if "music" in name or "DNA" in name:
        plain = CASES[name].inputs[2]
    others = "\ufeff" + plain, plain.replace("\n", "\r\n"), plain.replace("\n", "\r")
    others += (unicodedata.normalize("NFD", plain),)
    for found in made(name).predict(np.array([plain, *others])), made(name).predict(iter(others)):
        answers = [_without_places(name, answer) for answer in found]
        assert_alike(answers, [answers[0]] * len(answers), 1e-5)


def _without_places(name, answer):
    if "tagger" not in name:
        return answer
    return [(entity["type"], entity["probability"]) for entity in answer["entities"]]


@pytest.mark.parametrize("name", ["classifier of 2", "tagger, crf", "translator of words"])
def test_a_calibration_is_kept_and_holds_wherever_the_model_answers(name, tmp_path):
    """Probabilities at a temperature; of inputs with too many unknown words it is said."""
    predictor = CASES[name].make()
    inputs = [normalize(text) for text in CASES[name].inputs if text.strip()]
    before = list(probabilities_in(made(name).predict(inputs)))
    predictor.calibration = Calibration(2.0, 0.3, 0.0)
    presets.save(predictor, tmp_path, {})
    for one in (predictor, zoo.load(tmp_path)):
        assert one.calibration == predictor.calibration
        after = np.array([*probabilities_in(one.predict(inputs))])
        np.testing.assert_allclose(after, tempered(np.array(before), 2.0), atol=1e-4)
        odd = ["zxcv qwer"] if "translator" in name else ["zxcv qwer", ""]
        assert not any(answer["familiar"] for answer in one.predict(odd))
    (endpoint, *_) = predictor.endpoints()
    answer = endpoint.function(tf.constant(inputs))
    if "translator" not in name:  # which gives the logarithm of the model's own
        served = answer.get("probabilities", answer.get("entity_probability")).numpy()
        served = served.max(axis=1) if "classifier" in name else served[served > 0]
        np.testing.assert_allclose(served, after, atol=1e-4)


def probabilities_in(answers):
    for answer in answers:
        for one in answer.get("entities", [answer]):
            yield one["probability"]


@pytest.mark.parametrize("name", ["classifier of 3", "tagger, softmax", "translator of words"])
def test_a_calibration_is_learnt_from_what_is_right(name):
    predictor, data = CASES[name].make(), CASES[name].data
    examples = data[0] if len(data) == 1 else LabelledTexts(*data)
    predictor.calibrate(examples, examples)
    limits = predictor.calibration
    assert 0 <= limits.most_unknown <= 1
    assert (limits.least_probability > 0) == ("translator" in name)
    assert 0 <= predictor.evaluate(*data)["calibration_error"] <= 1


def test_where_targets_are_of_one_form_another_form_is_not_familiar():
    predictor = zoo.load("translation_bigru_dates")
    texts = ["12 May 2019", "29 February 2020", "31 February 2020", "tomorrow", "99 May 2020"]
    assert [one["familiar"] for one in predictor.predict(texts)] == [
        True,
        True,
        False,
        False,
        False,
    ]


@EACH
def test_pickled_it_answers_alike(name):
    again = pickle.loads(pickle.dumps(made(name)))
    assert_alike(again.predict(CASES[name].inputs), predicted(name), 1e-6)


@EACH
def test_saved_and_loaded(name, saved):
    loaded = presets.load(saved / name)
    assert type(loaded) is type(made(name))
    assert_alike(loaded.predict(CASES[name].inputs), predicted(name), 1e-6)
    for part in {"tokenizer", "source_tokenizer", "target_tokenizer"} & vars(loaded).keys():
        kept, given = (vars(predictor)[part].get_config() for predictor in (loaded, made(name)))
        assert kept == given
    config = json.loads((saved / name / "config.json").read_text())
    assert config["predictor"] == loaded.kind


@EACH
def test_endpoints_answer_as_the_predictor(name):
    endpoints = made(name).endpoints()
    assert endpoints[0].name == "serving_default"
    assert len({endpoint.name for endpoint in endpoints}) == len(endpoints)
    for endpoint in endpoints:
        signature = list(endpoint.inputs)
        function = tf.function(endpoint.function, input_signature=signature, autograph=False)
        assert all(spec.shape[0] is None for spec in endpoint.inputs)
        for example in endpoint.examples:
            given = [tf.constant(example[spec.name], spec.dtype) for spec in endpoint.inputs]
            found = {key: value.numpy() for key, value in function(*given).items()}
            assert_alike(found, {key: endpoint.expected(example)[key] for key in found}, 1e-4)
        nothing = function(*(tensor[:0] for tensor in given))
        assert all(len(value) == 0 for value in nothing.values())


@EACH
def test_the_model_of_another_is_refused(name):
    """Of other sizes than the vocabulary, the labels, tags or symbols have."""
    predictor = made(name)
    given = [part for name, part in vars(predictor).items() if name in PARTS]
    inputs = keras.Input((None,), dtype="int32")
    outputs = keras.layers.Embedding(2, 77)(inputs)
    outputs = {"logits": outputs} if predictor.kind == "language_model" else outputs
    with pytest.raises(ValueError, match="for a model of"):
        type(predictor)(keras.Model(inputs, outputs), *given)


@EACH
def test_compiled_it_trains_on_its_batches(name):
    predictor, data = CASES[name].make(), CASES[name].data
    of_stream = predictor.kind == "language_model"
    model = predictor.compile(keras.optimizers.Adam(1e-3), *([4] if of_stream else []))
    model.run_eagerly = True  # sooner done
    batches = predictor.batches(*data, 4, *([8] if of_stream else []))
    before = predictor.model.get_weights()
    first, *_ = batches.dataset()
    assert np.isfinite(model.train_on_batch(first[0], first[1], *first[2:])).all()
    assert not all(map(np.array_equal, before, predictor.model.get_weights()))


_SCRIPT = """
import sys

absent = ("tensorflow_datasets", "matplotlib", "click")  # to import them would fail
sys.modules |= dict.fromkeys(absent)
import keras  # which brings some of the others along where they are installed

before = set(sys.modules)
import zoo

for folder, text in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    assert zoo.load(folder).predict([text])
others = {"rich", "sklearn", "seqeval", "sacrebleu", "zoo.evaluation.figures"}
unwanted = (others | {"zoo.evaluation.baselines", "zoo.application"}) & (set(sys.modules) - before)
assert not unwanted, unwanted
"""


@pytest.mark.more
def test_a_prediction_imports_nothing_of_training_evaluation_or_the_command_line(saved, tmp_path):
    """In a fresh process that loads a model of each kind and asks it."""
    assert len(FIRST_OF_EACH) == len(PREDICTORS)
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    write(spoken_words.spoken("la so"), tmp_path / "a.wav")
    inputs = {name: CASES[name].inputs[0] for name in FIRST_OF_EACH} | {"video of 3": written()[0]}
    inputs |= {name: tmp_path / "a.wav" for name in FIRST_OF_EACH if name.startswith("speech")}
    asked = ((saved / name, inputs[name]) for name in FIRST_OF_EACH)
    run_script(script, *itertools.chain(*asked))


@pytest.mark.long  # cells, layers, training and generation run there by default
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends(backend, saved):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {"KERAS_BACKEND": backend, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    run_script(predictor_case.__file__, saved, **environment)
    found = json.loads((saved / "answers.json").read_text())
    for name in FIRST_OF_EACH:
        assert_alike(found[name], answers(name, made(name)), 1e-3)


def test_batches_are_of_similar_length_and_bounded():
    lengths = [3, 500, 0, 40, 7, 60, 50, 50, 50, 1]
    batches = list(batches_by_length(lengths, 4, most_steps=100))
    assert sorted(i for batch in batches for i in batch) == [*range(len(lengths))]
    sizes = [(len(batch), max(lengths[i] for i in batch)) for batch in batches]
    assert sizes == [(4, 7), (2, 50), (2, 50), (1, 60), (1, 500)]
    assert [len(batch) for batch in batches_by_length(lengths, 4)] == [4, 4, 2]
    assert list(batches_by_length([], 4)) == []
