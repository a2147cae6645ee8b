"""The figures: that they are drawn, small, and show what they were given."""

import numpy as np
import pytest
from matplotlib import image

from zoo.evaluation import figures


def test_learning_curves(tmp_path):
    history = {"loss": [3.0, 2.0], "val_loss": [3.0, 2.5], "accuracy": [0.1, 0.2]}
    figures.learning_curves(history, tmp_path / "two_panels.png", best_epoch=1)
    figures.learning_curves({"loss": [3.0]}, tmp_path / "one_epoch.png")
    two, one = (image.imread(tmp_path / f"{n}.png") for n in ("two_panels", "one_epoch"))
    assert two.shape[0] == one.shape[0]
    assert two.shape[1] > 1.5 * one.shape[1]
    assert max(two.shape) < 2000
    assert (one != 1).any()  # a single epoch shows as a point
    for path in tmp_path.iterdir():
        assert path.stat().st_size < 100_000


def test_confusion_matrix(tmp_path):
    labels = ["negative", "positive", "never seen"]
    right, wrong = np.diag([40, 60, 0]), np.array([[0, 40, 0], [60, 0, 0], [0, 0, 0]])
    figures.confusion_matrix(right, labels, tmp_path / "right.png")
    figures.confusion_matrix(wrong, labels, tmp_path / "wrong.png")
    right, wrong = (image.imread(tmp_path / f"{n}.png") for n in ("right", "wrong"))
    assert right.shape == wrong.shape
    assert (right != wrong).any()


def test_confusion_matrix_of_another_size(tmp_path):
    with pytest.raises(ValueError, match="3 label names"):
        figures.confusion_matrix(np.eye(2), ["a", "b", "c"], tmp_path / "matrix.png")
    assert not list(tmp_path.iterdir())
