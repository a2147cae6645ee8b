"""How good labels are: accuracy, correlation, cross-entropy, ranks, and what is taken for what."""

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, matthews_corrcoef, roc_auc_score


def classification_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Compares the most probable labels with the true ones.

    Args:
        labels: (examples,) integers, the true ones.
        probabilities: (examples, labels), of each label.

    Returns:
        dict of `accuracy`, `mcc` (Matthews' correlation coefficient, for any number of labels: 1
        if all are right, 0 by chance, and where there is but one), `loss` (mean cross-entropy, in
        nats), `examples` and `confusion_matrix` (row the true label, column the predicted one).
    """
    labels = np.asarray(labels)
    predicted, classes = probabilities.argmax(axis=1), probabilities.shape[1]
    of_true = probabilities[np.arange(len(labels)), labels]
    cells = np.bincount(labels * classes + predicted, minlength=classes**2)
    return {
        "accuracy": float((predicted == labels).mean()),
        "mcc": float(matthews_corrcoef(labels, predicted)),
        "loss": float(-np.log(np.maximum(of_true, 1e-12)).mean()),
        "examples": len(labels),
        "confusion_matrix": cells.reshape(classes, classes).tolist(),
    }


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
