"""`TextClassifier`: probabilities of the logits, and figures that add up."""

import keras
import numpy as np
import pytest
from support.predictor_case import FILMS as TEXTS
from support.predictor_case import LABELS, classifier, made


@pytest.fixture(scope="module", params=[2, 3], ids=["two labels", "three labels"])
def predictor(request):
    return made(f"classifier of {request.param}")


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
    np.testing.assert_allclose(probabilities[1], probabilities[4], atol=1e-6)  # "" and blanks
    assert predictor.probabilities([]).shape == (0, len(predictor.label_names))


def test_predictions_are_the_likeliest_labels(predictor, probabilities):
    predictions = predictor.predict(iter(TEXTS))
    for prediction, row in zip(predictions, probabilities, strict=True):
        assert prediction["label"] == LABELS[row.argmax()]
        assert prediction["probability"] == pytest.approx(row.max(), abs=1e-6)
        assert type(prediction["probability"]) is float
    assert len({prediction["label"] for prediction in predictions}) > 1


@pytest.mark.parametrize("labels", [2, 3])
def test_loss_and_accuracy_of_training_are_those_of_evaluation(labels):
    predictor, true = classifier(labels), np.arange(len(TEXTS)) % labels
    predictor.compile(keras.optimizers.Adam()).run_eagerly = True
    logs = predictor.model.test_on_batch(predictor.tokenizer(TEXTS), true, return_dict=True)
    measured = predictor.evaluate(TEXTS, true)
    assert logs["loss"] == pytest.approx(measured["loss"], rel=1e-4)
    assert logs["accuracy"] == pytest.approx(measured["accuracy"])
