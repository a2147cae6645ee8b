"""`TextClassifier` and `EntityTagger`: labels, entities where they stand, and their figures."""

import keras
import numpy as np
import pytest
import scipy.special
from support.classifiers import LABELS, TEXTS, balanced
from support.predictor_case import ODD_TEXTS, SENTENCES, TAGS, made, tagged, tagger
from support.sequences import randomize

from zoo.datasets.sequence_tagging import TaggedSentences
from zoo.errors import UserError
from zoo.layers.crf import marginals, viterbi
from zoo.predictors import distinct_tokens, entity_tagger, word_attributions
from zoo.predictors.entities import entities
from zoo.text.normalization import normalize
from zoo.text.tags import spans, tag_set
from zoo.text.token_features import ragged_tokens
from zoo.text.token_spans import tokenize

EACH = pytest.mark.parametrize("labels", [2, 3])


@EACH
def test_predictions_are_the_likeliest_labels_by_the_softmax_of_the_logits(labels):
    predictor = made(f"classifier of {labels}")
    logits = np.array(predictor.model(predictor.tokenizer(TEXTS)), np.float64)
    if labels == 2:
        logits = np.concatenate([0 * logits, logits], axis=1)
    expected = scipy.special.softmax(logits, axis=1)
    found = predictor.probabilities(TEXTS)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found[1], found[4], atol=1e-6)  # "" and blanks
    assert predictor.probabilities([]).shape == (0, labels)
    predictions = predictor.predict(iter(TEXTS))
    for prediction, row in zip(predictions, expected, strict=True):
        assert prediction["label"] == LABELS[row.argmax()]
        assert prediction["probability"] == pytest.approx(row.max(), abs=1e-6)
    assert len({prediction["label"] for prediction in predictions}) > 1


@EACH
def test_loss_and_accuracy_of_training_are_those_of_evaluation(labels):
    predictor, true = balanced(LABELS[:labels]), np.arange(len(TEXTS)) % labels
    predictor.compile(keras.optimizers.Adam()).run_eagerly = True
    logs = predictor.model.test_on_batch(predictor.tokenizer(TEXTS), true, return_dict=True)
    measured = predictor.evaluate(TEXTS, true)
    assert logs["loss"] == pytest.approx(measured["loss"], rel=1e-4)
    assert logs["accuracy"] == pytest.approx(measured["accuracy"])


@EACH
def test_attributions_of_words_are_the_slopes_along_their_vectors(labels):
    """Each word has a vector of its own, so that its slope is measured by stretching that."""
    predictor = made(f"classifier of {labels}")
    text, step = "a bad and long film", 1e-2
    (found,) = word_attributions(predictor, [text])
    (label,) = predictor.predict([text])
    assert (found.tokens, found.label) == (tuple(text.split()), label["label"])
    embeddings = predictor.model.get_layer("embedding").embeddings
    index, before = LABELS.index(found.label), embeddings.numpy()

    def score():
        logits = np.array(predictor.model(predictor.tokenizer([text])), np.float64)[0]
        logits = np.array([0, *logits]) if labels == 2 else logits
        return logits[index] - logits.mean()

    ids = predictor.tokenizer([text]).numpy()[0]
    for place, slope in enumerate(found.gradient):
        ends = []
        for sign in (1, -1):
            changed = before.copy()
            changed[ids[place]] *= 1 + sign * step
            embeddings.assign(changed)
            ends.append(score())
        assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=2e-4)
    embeddings.assign(before)
    assert np.abs(found.gradient).max() > 0.005, "or the comparison would show nothing"
    (other,) = word_attributions(predictor, [""])
    assert other.tokens == ()
    assert other.gradient.shape == (0,)
    with pytest.raises(UserError, match="'worse' is no label"):
        word_attributions(predictor, [text], ["worse"])


TYPES = tag_set(["LOC", "PER"])
# Another order, and types of which one continues another's name.
SHUFFLED = ["I-B", "B-BB", "O", "I-BB", "B-B"]


def expected(tags, probabilities, names):
    """(first, last, tag, probability) of each span of a row."""
    for kind, start, end in spans([names[tag] for tag in tags]):
        yield start, end - 1, names.index(f"B-{kind}"), min(probabilities[start:end])


def rows(found):
    """The same of `Entities`, without its padding, which is checked."""
    fields = [field.numpy() for field in (found.first, found.last, found.tags, found.probabilities)]
    assert [field.dtype for field in fields] == ["int32", "int32", "int32", "float32"]
    assert len({field.shape for field in fields}) == 1
    padding = fields[0] < 0
    assert not (padding[:, :-1] & ~padding[:, 1:]).any(), "padding is on the right"
    assert padding.shape[1] == 0 or not padding.all(axis=0).any(), "no more padding than needed"
    for field, value in zip(fields, (-1, -1, 0, 0), strict=True):
        assert (field[padding] == value).all()
    return [
        [cells for cells in zip(*(field.tolist() for field in row), strict=True) if cells[0] >= 0]
        for row in zip(*fields, strict=True)
    ]


@pytest.mark.parametrize("names", [TYPES, SHUFFLED], ids=["in order", "shuffled"])
def test_spans_of_random_tags(names):
    """What follows a row's length is random too."""
    generator = np.random.default_rng(0)
    tags = generator.integers(len(names), size=(2000, 9), dtype="int32")
    probabilities = generator.uniform(size=tags.shape).astype("float32")
    lengths = generator.integers(0, 10, size=2000, dtype="int32")
    found = rows(entities(tags, probabilities, lengths, names))
    for row, tag, probability, length in zip(found, tags, probabilities, lengths, strict=True):
        assert row == [*expected(tag[:length], probability[:length].tolist(), names)]


def test_nothing_to_find():
    for batch, timesteps in ((40, 9), (0, 3), (2, 0), (0, 0)):
        outside = np.full((batch, timesteps), TYPES.index("O"), "int32")
        certain, lengths = np.ones_like(outside, "float32"), np.full(batch, timesteps, "int32")
        assert rows(entities(outside, certain, lengths, TYPES)) == [[]] * batch


NO_TOKEN = (1, 3)  # of these texts


@pytest.fixture(scope="module", params=["crf", "softmax"])
def predictor(request):
    return made(f"tagger, {request.param}")


def test_entities_are_the_spans_of_the_tags_with_the_least_probability_of_each(predictor):
    texts = [normalize(text) for i, text in enumerate(ODD_TEXTS) if i not in NO_TOKEN]
    parts = tokenize(texts)
    tokens = [[token.decode() for token in row] for row in parts.tokens.to_list()]
    starts, ends = parts.starts.to_list(), parts.ends.to_list()
    tags = predictor.tag(TaggedSentences(tokens, []))
    kinds, longest = set(), 0
    for i, prediction in enumerate(predictor.predict(texts)):
        ids = predictor.inputs(ragged_tokens(tokens[i : i + 1]))
        output = predictor.model({name: ragged.to_tensor() for name, ragged in ids.items()})
        certain = marginals(output) if predictor.has_crf else keras.ops.softmax(output)
        of_tags = np.array(certain)[0, range(len(tags[i])), [TAGS.index(tag) for tag in tags[i]]]
        for entity, span in zip(prediction["entities"], spans(tags[i]), strict=True):
            start, end = starts[i][span.start], ends[i][span.end - 1]
            assert (entity["start"], entity["end"]) == (start, end)
            assert (entity["type"], entity["text"]) == (span.type, texts[i][start:end])
            least = of_tags[span.start : span.end].min()
            assert entity["probability"] == pytest.approx(least, abs=1e-4)
            assert [type(entity[name]) for name in ("start", "probability")] == [int, float]
            kinds.add(span.type)
            longest = max(longest, span.end - span.start)
    assert len(kinds) > 1, "or little is shown"
    assert longest > 1, "or it is of one tag anyway"


@pytest.mark.parametrize(
    "options",
    [
        {"character_kind": "recurrent"},
        {"cell": "gru", "residual": True},  # whose inputs are not projected beforehand
        {"head": "softmax", "layers": 2, "bidirectional": False},
        {"elsewhere": True},
        {"elsewhere": True, "cell": "gru", "residual": True},
    ],
)
def test_tokens_that_are_read_once_get_the_tags_of_the_network(options, monkeypatch):
    """Whatever occurs how often, wherever batches end, and also with other weights."""
    odd = ["", "\u2028", "<PAD>", "<UNK>", "\U0001f600", "e\u0301te\u0301", "\x00", "Rome" * 9]
    tokens = [*SENTENCES, odd, ["Ann"] * 9, [odd[0]], odd[::-1], *SENTENCES[::-1], []]
    monkeypatch.setattr(distinct_tokens, "_READ_TOGETHER", 4)
    monkeypatch.setattr(entity_tagger, "_BATCH_SIZE", 3)
    monkeypatch.setattr(entity_tagger, "_MOST_READ", 120)
    predictor = tagger(**options)
    for seed in (3, 4):
        randomize(predictor.model, seed=seed, scale=1)
        for found, sentence in zip(predictor.tag(TaggedSentences(tokens, [])), tokens, strict=True):
            assert found == _tags_of_the_network(predictor, sentence)


def _tags_of_the_network(predictor, sentence):
    if not sentence:
        return []
    ids = predictor.inputs(ragged_tokens([sentence]))
    output = predictor.model({name: ragged.to_tensor() for name, ragged in ids.items()})
    best = viterbi(output)[0] if predictor.has_crf else np.argmax(output, axis=-1)
    return [TAGS[tag] for tag in np.array(best)[0]]


def test_sentences_of_a_document_tell_of_each_other():
    made = tagger(context="document", elsewhere=True)
    alone, together = (
        made.tag(TaggedSentences(SENTENCES, [], places))
        for places in (None, [(0, i) for i in range(len(SENTENCES))])
    )
    assert [*map(len, together)] == [*map(len, SENTENCES)]
    assert together != alone
    assert made.relabelled(("O", "B-X")).context == "document"


def test_no_texts_and_no_tokens(predictor):
    assert predictor.predict([ODD_TEXTS[i] for i in NO_TOKEN]) == (
        [{"entities": [], "familiar": True}] * 2
    )
    assert predictor.tag(TaggedSentences([], [])) == []


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_figures_of_evaluation_and_of_training_count_the_same_spans(head):
    predictor, sentences = tagger(head), tagged(SENTENCES)
    tags = predictor.tag(sentences)
    found, true = (
        {(i, span) for i, row in enumerate(rows) for span in spans(row)}
        for rows in (tags, sentences.tags)
    )
    both = len(found & true)
    assert both > 0, "or every figure is 0"
    measured = predictor.evaluate(sentences)
    assert measured["precision"] == pytest.approx(both / len(found))
    assert measured["recall"] == pytest.approx(both / len(true))
    assert measured["f1"] == pytest.approx(2 * both / (len(found) + len(true)))
    for kind, row in measured["per_type"].items():
        assert row["support"] == sum(span.type == kind for _, span in true)
    right = np.concatenate(tags) == np.concatenate(sentences.tags)
    assert measured["token_accuracy"] == right.mean()
    assert (measured["examples"], measured["tokens"]) == (len(SENTENCES), len(right))
    predictor.compile(keras.optimizers.Adam()).run_eagerly = True
    dataset = predictor.batches(sentences, batch_size=3).dataset()
    logs = predictor.model.evaluate(dataset, return_dict=True, verbose=0)
    assert logs["f1"] == pytest.approx(measured["f1"], rel=1e-5)
    assert np.isfinite(logs["loss"])
