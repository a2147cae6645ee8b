"""How good labels are: accuracy, correlation, cross-entropy, ranks, and what is taken for what."""

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score


def classification_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Compares the most probable labels with the true ones.

    Args:
        labels: (examples,) integers, the true ones.
        probabilities: (examples, labels), of each label.

    Returns:
        dict of `accuracy`, `mcc` (see `matthews_correlation`), `loss` (mean cross-entropy, in
        nats), `examples` and `confusion_matrix` (row the true label, column the predicted one).
    """
    labels = np.asarray(labels)
    predicted, classes = probabilities.argmax(axis=1), probabilities.shape[1]
    of_true = probabilities[np.arange(len(labels)), labels]
    cells = np.bincount(labels * classes + predicted, minlength=classes**2)
    matrix = cells.reshape(classes, classes)
    return {
        "accuracy": float((predicted == labels).mean()),
        "mcc": matthews_correlation(matrix),
        "loss": float(-np.log(np.maximum(of_true, 1e-12)).mean()),
        "examples": len(labels),
        "confusion_matrix": matrix.tolist(),
    }


def matthews_correlation(matrix: np.ndarray) -> float:
    """Matthews' correlation of true and predicted labels, by Gorodkin for any number of labels.

    With N examples, of which C are right, t(k) of label k and p(k) predicted to be so,

        MCC = (C N - Σ t(k) p(k)) / sqrt((N² - Σ p(k)²) (N² - Σ t(k)²))

    It is 1 if all are right and 0 by chance, however rare a label is; 0 too, where all examples
    are, or are predicted to be, of one label.

    Source: Gorodkin (2004), "Comparing two K-category assignments by a K-category correlation
    coefficient".

    Args:
        matrix: (labels, labels) numbers of examples, row the true label, column the predicted one.
    """
    matrix = np.asarray(matrix, float)
    true, predicted, number = matrix.sum(axis=1), matrix.sum(axis=0), matrix.sum()
    spread = (number**2 - predicted @ predicted) * (number**2 - true @ true)
    covariance = np.trace(matrix) * number - true @ predicted
    return float(covariance / np.sqrt(spread)) if spread > 0 else 0.0


def ranking_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """How well the probability of each label tells its examples from all others.

    Args:
        labels: (examples,) integers, the true ones.
        probabilities: (examples, labels), of each label.

    Returns:
        dict of `auroc`, the area under the curve of the true and false positive rates; `auprc`,
        the average precision, the area under that of precision and recall; both are means over the
        labels; and `per_label`, a list of dicts of the two and the number of `examples`, in the
        order of the labels. Both are None for a label that no example has, or every one, and such
        a label does not count in the means, which are None if none is left.
    """
    labels = np.asarray(labels)
    per_label = [_ranking(labels == i, column) for i, column in enumerate(probabilities.T)]
    means = {}
    for name in ("auroc", "auprc"):
        found = [row[name] for row in per_label if row[name] is not None]
        means[name] = float(np.mean(found)) if found else None
    return {**means, "per_label": per_label}


def _ranking(true: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    both = true.any() and not true.all()
    return {
        "auroc": float(roc_auc_score(true, scores)) if both else None,
        "auprc": float(average_precision_score(true, scores)) if both else None,
        "examples": int(true.sum()),
    }
