"""What tasks share whose predictor is a classifier: one label for each input."""

from pathlib import Path
from typing import Any

import zoo
from zoo.application.task import Metric, Rows, Task
from zoo.errors import UserError

LABELLED = {"label": "", "probability": 0.5, "familiar": True}
"""An example of a prediction, for `Rows.answer`."""


class ClassificationTask(Task):
    """A task of data that have `label_names`, with a `zoo.predictors.Classifier`."""

    metric = Metric("accuracy")
    rows = Rows(answer=LABELLED)

    def labels(self, predictor: Any) -> tuple[Any, ...]:
        return (predictor.label_names,)

    def check_labels(self, predictor: Any, data: Any) -> None:
        if data.label_names != predictor.label_names:
            raise UserError(
                f"{data.name} has the labels {', '.join(data.label_names)}, "
                f"the model {', '.join(predictor.label_names)}: give another --dataset"
            )

    def pictures(self, metrics: dict[str, Any], predictor: Any, folder: Path) -> tuple[str, ...]:
        name = "confusion_matrix.png"
        zoo.evaluation.figures.confusion_matrix(
            metrics["confusion_matrix"], predictor.label_names, folder / name
        )
        return (name,)
