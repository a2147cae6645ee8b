"""Calibration: the error counted by hand, temperatures found again, texts that are hard."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from zoo.evaluation.calibration import (
    calibration_metrics,
    temperature_of_answers,
    temperature_of_labels,
    tempered,
)
from zoo.evaluation.challenges import challenge_metrics


def test_the_error_is_that_of_each_tenth_by_its_answers():
    found = calibration_metrics(
        np.array([0.05, 0.62, 0.68, 0.69, 1.0]), np.array([False, True, True, False, True])
    )
    of_tenth = abs((0.62 + 0.68 + 0.69) / 3 - 2 / 3)
    assert found["calibration_error"] == pytest.approx((0.05 + 3 * of_tenth + 0) / 5)
    assert [row["answers"] for row in found["reliability"]] == [1, 3, 1]
    assert found["reliability"][1]["right"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(temperature):
    draw = np.random.default_rng(1)
    logits = draw.normal(scale=2, size=(20_000, 3))
    labels = np.array([draw.choice(3, p=p) for p in softmax(logits, axis=1)])
    given = softmax(temperature * logits, axis=1)
    assert temperature_of_labels(given, labels) == pytest.approx(temperature, rel=0.05)
    of_answers = draw.normal(scale=2, size=20_000)
    right = draw.random(20_000) < expit(of_answers)
    given = expit(temperature * of_answers)
    found = temperature_of_answers(given, right)
    assert found == pytest.approx(temperature, rel=0.05)
    before, after = (
        calibration_metrics(p, right)["calibration_error"] for p in (given, tempered(given, found))
    )
    assert after < 0.02
    assert after < before or temperature == 1


def test_too_few_wrong_answers_tell_nothing():
    probabilities, right = np.full(1000, 0.7), np.arange(1000) >= 9
    assert temperature_of_answers(probabilities, right) == 1
    assert temperature_of_labels(np.array([[0.3, 0.7]] * 1000), right.astype(int)) == 1
    assert tempered(np.array([0.0, 0.3, 1.0]), 2.0).tolist() == [0, pytest.approx(0.3956, 1e-3), 1]


def test_hard_texts_are_as_many_of_each_label():
    for label in ("neg", "pos"):
        found = challenge_metrics(
            lambda texts, label=label: [{"label": label, "probability": 0.9} for _ in texts]
        )
        assert found == {"negation": 0.5, "contrast": 0.5, "neutral": 0, "undecided": 0}
