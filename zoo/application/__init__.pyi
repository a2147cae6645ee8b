from . import (
    cards,
    classification,
    command_line,
    comparison,
    files,
    many,
    options,
    parts,
    runs,
    sampling,
    task,
    verbs,
    workflow,
)
from .classification import ClassificationTask
from .options import TrainingOptions, option
from .task import Application, Card, Metric, Published, Rows, Task, Verb

__all__ = [
    "Application",
    "Card",
    "ClassificationTask",
    "Metric",
    "Published",
    "Rows",
    "Task",
    "TrainingOptions",
    "Verb",
    "cards",
    "classification",
    "command_line",
    "comparison",
    "files",
    "many",
    "option",
    "options",
    "parts",
    "runs",
    "sampling",
    "task",
    "verbs",
    "workflow",
]
