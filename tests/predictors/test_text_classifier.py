"""`TextClassifier`: probabilities of the logits, and figures that add up."""

import keras
import numpy as np
import pytest
import scipy.special
from support.classifiers import LABELS, TEXTS, balanced
from support.predictor_case import made

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
