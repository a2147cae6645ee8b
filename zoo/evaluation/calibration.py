"""Whether a probability is what it says: of all answers of 0.8, eight in ten should be right.

Guo et al. 2017, "On calibration of modern neural networks".
"""

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit

_BINS = 10
_FEWEST = 10  # right and wrong answers, without which nothing can be said
_SMALLEST = 1e-6


def calibration_metrics(probabilities: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """Compares the probabilities of answers, (answers,), with whether they were right, (answers,).

    Returns a dict of `calibration_error`, the expected calibration error in ten bins of equal
    width, and `reliability`, a list of dicts of the mean `probability` of a bin, its share of
    `right` answers, and the number of `answers`.
    """
    probabilities, right = np.asarray(probabilities, float), np.asarray(right, bool)
    bins = np.minimum((probabilities * _BINS).astype(int), _BINS - 1)
    reliability = [
        {
            "probability": float(probabilities[bins == i].mean()),
            "right": float(right[bins == i].mean()),
            "answers": int((bins == i).sum()),
        }
        for i in range(_BINS)
        if (bins == i).any()
    ]
    error = sum(row["answers"] * abs(row["probability"] - row["right"]) for row in reliability)
    return {
        "calibration_error": error / max(len(right), 1),
        "reliability": reliability,
    }


def temperature_of_labels(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that makes labels, (examples,), likeliest, of probabilities of each label.

    It divides the logarithms of the probabilities, (examples, labels). 1 where there are too few
    right or too few wrong examples to tell.
    """
    right = probabilities.argmax(axis=1) == labels
    return _temperature(probabilities, labels) if _enough(right) else 1.0


def temperature_of_answers(probabilities: np.ndarray, right: np.ndarray) -> float:
    """The same for the probabilities of answers that are right or wrong, (answers,) both."""
    columns = np.stack([1 - probabilities, probabilities], axis=1)
    return _temperature(columns, right.astype(int)) if _enough(right) else 1.0


def _enough(right: np.ndarray) -> bool:
    return min(right.sum(), (~right).sum()) >= _FEWEST


def _temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    logs = np.log(np.maximum(probabilities, _SMALLEST))

    def loss(log_temperature: float) -> float:
        tempered = log_softmax(logs / np.exp(log_temperature), axis=1)
        return -float(tempered[np.arange(len(labels)), labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """The probabilities of answers at a temperature, by which their logits are divided."""
    return expit(logit(np.clip(probabilities, 0, 1)) / temperature)
