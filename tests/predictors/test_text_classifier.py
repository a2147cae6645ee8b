"""`TextClassifier`: the same answer however texts are batched, and metrics that add up."""

import keras
import numpy as np
import pytest

from zoo.networks import many_to_one
from zoo.predictors import TextClassifier
from zoo.text.words import WordTokenizer

TEXTS = [
    "good",
    "",
    "a bad and long and slow and altogether much too long film, with a bad end",
    "wörds unheard of",
    "  ",
    "good film!",
    "bad",
]
LABELS = ("bad", "fair", "good")


def classifier(classes):
    tokenizer = WordTokenizer.from_texts(TEXTS)
    model = many_to_one(len(tokenizer.vocabulary), classes, embedding_dim=5, units=3, layers=2)
    generator = np.random.default_rng(2)
    for weight in model.trainable_variables:
        weight.assign(generator.normal(size=weight.shape))
    # No label is the likeliest of all texts.
    bias = model.get_layer("logits").bias
    bias.assign(bias - keras.ops.mean(model(tokenizer(TEXTS)), axis=0))
    return TextClassifier(model, tokenizer, LABELS[:classes])


@pytest.fixture(scope="module", params=[2, 3], ids=["two labels", "three labels"])
def predictor(request):
    return classifier(request.param)


@pytest.fixture(scope="module")
def probabilities(predictor):
    return predictor.probabilities(TEXTS)


def test_probabilities_are_the_softmax_of_the_logits(predictor, probabilities):
    logits = np.array(predictor.model(predictor.tokenizer(TEXTS)), np.float64)
    if logits.shape[1] == 1:
        second = 1 / (1 + np.exp(-logits))
        expected = np.concatenate([1 - second, second], axis=1)
    else:
        expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert probabilities.dtype == "float32"
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert len({tuple(row) for row in probabilities.round(6).tolist()}) >= len(TEXTS) - 1


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_order_and_padding_change_nothing(predictor, probabilities, batch_size):
    for order in (slice(None), slice(None, None, -1)):
        shuffled = predictor.probabilities(TEXTS[order], batch_size)
        np.testing.assert_allclose(shuffled, probabilities[order], atol=1e-6)


def test_empty_and_blank_texts_are_alike(probabilities):
    np.testing.assert_allclose(probabilities[1], probabilities[4], atol=1e-6)


def test_predictions_are_the_likeliest_labels(predictor, probabilities):
    predictions = predictor.predict(iter(TEXTS))
    for prediction, row in zip(predictions, probabilities, strict=True):
        assert prediction["label"] == LABELS[row.argmax()]
        assert prediction["probability"] == pytest.approx(row.max(), abs=1e-6)
        assert type(prediction["probability"]) is float
    assert len({prediction["label"] for prediction in predictions}) > 1


def test_no_texts(predictor):
    assert predictor.predict([]) == []
    assert predictor.probabilities([]).shape == (0, len(predictor.label_names))


def test_evaluation(predictor, probabilities):
    classes = len(predictor.label_names)
    labels = np.arange(len(TEXTS)) % classes
    measured = predictor.evaluate(TEXTS, labels)
    predicted = probabilities.argmax(axis=1)
    assert measured["examples"] == len(TEXTS)
    assert measured["accuracy"] == np.mean(predicted == labels)
    of_true = probabilities[np.arange(len(TEXTS)), labels].astype("float64")
    assert measured["loss"] == pytest.approx(-np.log(of_true).mean(), rel=1e-5)
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (labels, predicted), 1)
    assert measured["confusion_matrix"] == matrix.tolist()


def test_loss_and_accuracy_of_training_are_those_of_evaluation(predictor):
    labels = np.arange(len(TEXTS)) % len(predictor.label_names)
    predictor.compile(keras.optimizers.Adam())
    predictor.model.run_eagerly = True
    logs = predictor.model.test_on_batch(predictor.tokenizer(TEXTS), labels, return_dict=True)
    measured = predictor.evaluate(TEXTS, labels)
    assert logs["loss"] == pytest.approx(measured["loss"], rel=1e-4)
    assert logs["accuracy"] == pytest.approx(measured["accuracy"])


def test_one_string_is_refused(predictor):
    with pytest.raises(TypeError, match="list of strings"):
        predictor.predict("good")


@pytest.mark.parametrize("labels", [("bad",), ("bad", "fair", "good", "best")])
def test_labels_that_are_not_the_models_are_refused(predictor, labels):
    with pytest.raises(ValueError, match=f"{len(labels)} labels for a model of"):
        TextClassifier(predictor.model, predictor.tokenizer, labels)
