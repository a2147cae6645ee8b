"""`EntityTagger`: entities where they stand in the text, however texts are batched."""

import importlib.util
import json
import warnings
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.processes import run_script

import zoo
from zoo.datasets.sequence_tagging import TaggedSentences
from zoo.layers.crf import marginals
from zoo.networks import many_to_many
from zoo.predictors import EntityTagger, entity_tagger
from zoo.text.tags import allowed_transitions, spans, tag_set
from zoo.text.token_features import SHAPES, TokenEncoder
from zoo.text.token_spans import tokenize

TEXTS = [
    "Ann Lee met Bob in Rome, and Bob met Ann.",
    "",
    "Bob",
    "  \n\t\u2003 ",
    "\U0001f600 Bob \U0001f469\u200d\U0001f467 e\u0301te\u0301 Ko\u0308ln\n\nNew York\r\nRome",
    "\ufeffAnn\u200bLee\u00a0met\x00Bob\x1fRome\x85Joe\u2028Eva",
    "東京 is far from Köln, isn't it?",
    "Ann Lee met Bob . " * 20,
]
NO_TOKEN = (1, 3)  # of these texts
TAGS = tuple(tag_set(["LOC", "ORG", "PER"]))
SENTENCES = [
    ["Ann", "Lee", "met", "Bob", "in", "Rome"],
    ["Bob"],
    ["in", "Köln", "\u2028", "\x85", "<PAD>", ",", "met", "Ann", "Joe", "1999"],
    ["New", "York"] * 30,
]


def tagger(head, characters):
    """An untrained tagger whose tags differ from token to token."""
    encoder = TokenEncoder.from_sentences(SENTENCES, longest_word=5)
    model = many_to_many(
        len(encoder.words),
        len(TAGS),
        characters=len(encoder.characters) if characters else None,
        longest_word=encoder.longest_word,
        character_kind=characters or "convolutional",
        character_units=3,
        shapes=len(SHAPES) + 2,
        embedding_dim=5,
        units=4,
        head=head,
        allowed=allowed_transitions(TAGS),
    )
    generator = np.random.default_rng(3)
    for weight in model.trainable_variables:
        weight.assign(generator.normal(size=weight.shape))
    return EntityTagger(model, encoder, TAGS)


@pytest.fixture(scope="module", params=["crf", "softmax"])
def predictor(request):
    return tagger(request.param, "convolutional" if request.param == "crf" else None)


@pytest.fixture(scope="module")
def predictions(predictor):
    return predictor.predict(TEXTS)


def tagged(tokens, seed=4):
    """Sentences with well-formed tags, drawn by chance."""
    draw = np.random.default_rng(seed)
    tags = [zoo.text.tags.repair(draw.choice(TAGS, len(row)).tolist()) for row in tokens]
    return TaggedSentences(tokens, tags)


def tokens_of(texts):
    """The tokens of texts, with where they begin and end."""
    found = tokenize(texts)
    rows = (found.tokens, found.starts, found.ends)
    tokens, starts, ends = (ragged.to_list() for ragged in rows)
    return [[token.decode() for token in row] for row in tokens], starts, ends


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        one, other = one["entities"], other["entities"]
        places = [[(e["type"], e["text"], e["start"], e["end"]) for e in es] for es in (one, other)]
        assert places[0] == places[1]
        certain = [[entity["probability"] for entity in entities] for entities in (one, other)]
        assert certain[0] == pytest.approx(certain[1], abs=1e-5)


def test_entities_are_where_they_say(predictions):
    for text, prediction in zip(TEXTS, predictions, strict=True):
        last = 0
        for entity in prediction["entities"]:
            assert text[entity["start"] : entity["end"]] == entity["text"]
            assert entity["type"] in {"LOC", "ORG", "PER"}
            assert last <= entity["start"] < entity["end"]
            assert 0 < entity["probability"] <= 1 + 1e-6
            assert {type(entity[name]) for name in ("start", "end")} == {int}
            assert type(entity["probability"]) is float
            last = entity["end"]
    without = {i for i, prediction in enumerate(predictions) if not prediction["entities"]}
    assert without >= {*NO_TOKEN}
    assert len(without) <= len(TEXTS) // 2, "or little is shown"
    assert len({e["type"] for p in predictions for e in p["entities"]}) > 1, "or little is shown"


def test_predictions_are_the_spans_of_the_tags(predictor, predictions):
    tokens, starts, ends = tokens_of(TEXTS)
    filled = [i for i in range(len(TEXTS)) if i not in NO_TOKEN]
    tags = predictor.tag(TaggedSentences([tokens[i] for i in filled], []))
    for i, row in zip(filled, tags, strict=True):
        expected = [(s.type, starts[i][s.start], ends[i][s.end - 1]) for s in spans(row)]
        assert [(e["type"], e["start"], e["end"]) for e in predictions[i]["entities"]] == expected


def test_probability_is_that_of_the_least_certain_tag(predictor, predictions):
    filled = [i for i in range(len(TEXTS)) if i not in NO_TOKEN]
    tokens, starts, _ = tokens_of([TEXTS[i] for i in filled])
    tags = predictor.tag(TaggedSentences(tokens, []))
    longest = 0
    for i, words, row, places in zip(filled, tokens, tags, starts, strict=True):
        ids = predictor.inputs(tf.ragged.constant([words]))
        output = predictor.model({name: ragged.to_tensor() for name, ragged in ids.items()})
        certain = marginals(output) if predictor.has_crf else keras.ops.softmax(output)
        of_tags = np.array(certain)[0, range(len(row)), [TAGS.index(tag) for tag in row]]
        expected = {places[s.start]: of_tags[s.start : s.end].min() for s in spans(row)}
        found = {e["start"]: e["probability"] for e in predictions[i]["entities"]}
        assert found == pytest.approx(expected, abs=1e-5)
        longest = max([longest, *(span.end - span.start for span in spans(row))])
    assert longest > 1, "or it is of one tag anyway"


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_order_and_padding_change_nothing(predictor, predictions, batch_size):
    assert_same(predictor.predict(iter(TEXTS), batch_size), predictions)
    assert_same(predictor.predict(TEXTS[::-1], batch_size), predictions[::-1])


def test_long_texts_make_small_batches(predictor, predictions, monkeypatch):
    monkeypatch.setattr(entity_tagger, "_MOST_STEPS", 100)
    assert_same(predictor.predict(TEXTS), predictions)
    lengths = [3, 500, 0, 40, 7, 60, 50, 50, 50, 1]
    batches = list(entity_tagger._batches(lengths, 4))
    assert sorted(i for batch in batches for i in batch) == [*range(len(lengths))]
    sizes = [(len(batch), max(lengths[i] for i in batch)) for batch in batches]
    assert all(number == 1 or number * longest <= 100 for number, longest in sizes)
    assert sizes == [(4, 7), (2, 50), (2, 50), (1, 60), (1, 500)]


def test_no_texts_and_no_tokens(predictor):
    assert predictor.predict([]) == []
    assert predictor.predict([TEXTS[i] for i in NO_TOKEN]) == [{"entities": []}] * 2
    assert predictor.tag(TaggedSentences([], [])) == []


def test_a_long_text(predictor):
    """The same tags far from the beginning as a sentence of the same tokens has."""
    text = "Ann Lee met Bob in Rome . " * 300
    (prediction,), (tokens,) = predictor.predict([text]), tokens_of([text])[0]
    assert len(tokens) > 2_000
    (tags,) = predictor.tag(TaggedSentences([tokens], []))
    found = spans(tags)
    assert [entity["type"] for entity in prediction["entities"]] == [span.type for span in found]
    assert prediction["entities"][-1]["end"] > len(text) - 100
    for entity in prediction["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]


def test_evaluation_counts_spans(predictor):
    sentences = tagged(SENTENCES)
    measured = predictor.evaluate(sentences)
    found = [set(spans(row)) for row in predictor.tag(sentences)]
    true = [set(spans(row)) for row in sentences.tags]
    of_type = {
        name: Counter(span.type for row in rows for span in row)
        for name, rows in (
            ("found", found),
            ("true", true),
            ("both", [one & other for one, other in zip(found, true, strict=True)]),
        )
    }
    assert of_type["both"].total() > 0, "or every figure is 0"
    both, all_found, all_true = (of_type[name].total() for name in ("both", "found", "true"))
    assert measured["precision"] == pytest.approx(both / all_found)
    assert measured["recall"] == pytest.approx(both / all_true)
    assert measured["f1"] == pytest.approx(2 * both / (all_found + all_true))
    assert measured["per_type"].keys() == of_type["found"].keys() | of_type["true"].keys()
    for kind, row in measured["per_type"].items():
        both, all_found, all_true = (of_type[name][kind] for name in ("both", "found", "true"))
        assert row["support"] == all_true
        assert row["f1"] == pytest.approx(2 * both / (all_found + all_true))
    right = [
        one == other
        for rows in zip(predictor.tag(sentences), sentences.tags, strict=True)
        for one, other in zip(*rows, strict=True)
    ]
    assert measured["token_accuracy"] == np.mean(right)
    assert (measured["examples"], measured["tokens"]) == (len(SENTENCES), len(right))


@pytest.mark.parametrize(
    ("true", "found"), [("O O", "O O"), ("O O", "B-A I-A"), ("B-A I-A", "O O"), ("B-A", "B-a-b")]
)
def test_figures_of_nothing_right_are_0(true, found):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = zoo.evaluation.tagging.tagging_metrics([true.split()], [found.split()])
    assert (figures["f1"], figures["precision"], figures["recall"]) == (0, 0, 0)
    kinds = {tag[2:] for tag in (*true.split(), *found.split()) if tag != "O"}
    assert figures["per_type"].keys() == kinds
    assert figures["token_accuracy"] == (true == found)


def test_f1_of_training_is_that_of_evaluation(predictor):
    sentences = tagged(SENTENCES)
    predictor.compile(keras.optimizers.Adam())
    predictor.model.run_eagerly = True
    dataset = predictor.batches(sentences, batch_size=3).dataset()
    logs = predictor.model.evaluate(dataset, return_dict=True, verbose=0)
    assert logs["f1"] == pytest.approx(predictor.evaluate(sentences)["f1"], rel=1e-5)
    assert np.isfinite(logs["loss"])


def test_saved_and_loaded(predictor, predictions, tmp_path):
    zoo.predictors.presets.save(predictor, tmp_path, {})
    loaded = zoo.load(tmp_path)
    assert loaded.tag_names == TAGS
    assert loaded.encoder.words == predictor.encoder.words
    assert loaded.encoder.characters == predictor.encoder.characters
    assert_same(loaded.predict(TEXTS), predictions)


@pytest.mark.long
@pytest.mark.parametrize("predictor", ["crf"], indirect=True)
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends(backend, predictor, predictions, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    zoo.predictors.presets.save(predictor, tmp_path / "model", {})
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS))
    script = Path(__file__).parents[1] / "support" / "tag_texts.py"
    run_script(script, tmp_path, KERAS_BACKEND=backend)
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert answer["backend"] == backend
    assert_same(answer["predictions"], predictions)
    tokens = tokens_of(TEXTS[-1:])[0]
    assert answer["tags"] == predictor.tag(TaggedSentences(tokens, []))


def test_one_string_is_refused(predictor):
    with pytest.raises(TypeError, match="list of strings"):
        predictor.predict("Bob")


@pytest.mark.parametrize("tags", [TAGS[:-1], (*TAGS, "B-X")])
def test_tags_that_are_not_the_models_are_refused(predictor, tags):
    with pytest.raises(ValueError, match=f"{len(tags)} tags for a model of {len(TAGS)}"):
        EntityTagger(predictor.model, predictor.encoder, tags)
