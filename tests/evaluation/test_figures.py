"""The figures: that they are drawn, small, and show what they were given."""

import numpy as np
import pytest
from matplotlib import image

from zoo.evaluation import figures

CURVE = [
    {"least": 1, "most": 5, "words": 4.0, "bleu": 30.0},
    {"least": 6, "most": 12, "words": 8.5, "bleu": 20.0},
]
TOKENS = ["le", "chat", "<EOS>"]
DRAWN = {
    "learning_curves": (
        ({"loss": [3.0, 2.0], "val_loss": [3.0, 2.5]},),
        ({"loss": [3.0, 2.0], "val_loss": [2.0, 2.5]},),
    ),
    "confusion_matrix": (
        (np.diag([40, 60, 0]), ["negative", "positive", "never seen"]),
        ([[0, 40, 0], [60, 0, 0], [0, 0, 0]], ["negative", "positive", "never seen"]),
    ),
    "alignment": ((TOKENS, TOKENS, np.eye(3)), (TOKENS, TOKENS, np.eye(3)[::-1])),
    "bleu_by_source_length": (({"with": CURVE},), ({"with": CURVE[:1] + CURVE[:1]},)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_pictures_differ_by_what_they_show(name, tmp_path):
    pictures = []
    for number, arguments in enumerate(DRAWN[name]):
        path = tmp_path / f"{number}.png"
        getattr(figures, name)(*arguments, path)
        pictures.append(image.imread(path))
        assert path.stat().st_size < 100_000
        assert max(pictures[-1].shape) < 2000
    one, other = pictures
    assert one.shape[:2] == other.shape[:2] or name == "bleu_by_source_length"
    assert one.shape != other.shape or (one != other).any()


def test_of_many_labels_the_most_confused_are_drawn(tmp_path, monkeypatch):
    matrix = np.diag(np.full(200, 9))
    matrix[7, 150] = matrix[150, 9] = 3
    drawn = []
    monkeypatch.setattr(figures.Figure, "savefig", lambda self, *_, **__: drawn.append(self))
    figures.confusion_matrix(matrix, [f"label {i}" for i in range(200)], tmp_path / "many.png")
    axes = drawn[0].axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert len(names) == 30
    assert {"label 7", "label 9", "label 150"} < set(names)
    assert axes.get_title() == "the 30 of 200 labels that are confused most"
    assert sorted(text.get_text() for text in axes.texts) == ["3"] * 2 + ["9"] * 30


def test_confusion_matrix_of_another_size(tmp_path):
    with pytest.raises(ValueError, match="3 label names"):
        figures.confusion_matrix(np.eye(2), ["a", "b", "c"], tmp_path / "matrix.png")
    assert not list(tmp_path.iterdir())
