"""How good labels are: accuracy, cross-entropy, and which labels are taken for which."""

from typing import Any

import numpy as np


def classification_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Compares the most probable labels with the true ones.

    Args:
        labels: (examples,) integers, the true ones.
        probabilities: (examples, labels), of each label.

    Returns:
        dict of `accuracy`, `loss` (mean cross-entropy, in nats), `examples` and
        `confusion_matrix` (row the true label, column the predicted one).
    """
    labels = np.asarray(labels)
    predicted, classes = probabilities.argmax(axis=1), probabilities.shape[1]
    of_true = probabilities[np.arange(len(labels)), labels]
    cells = np.bincount(labels * classes + predicted, minlength=classes**2)
    return {
        "accuracy": float((predicted == labels).mean()),
        "loss": float(-np.log(np.maximum(of_true, 1e-12)).mean()),
        "examples": len(labels),
        "confusion_matrix": cells.reshape(classes, classes).tolist(),
    }
