from . import (
    cards,
    classification,
    command_line,
    comparison,
    files,
    options,
    runs,
    sampling,
    task,
    verbs,
    workflow,
)
from .classification import ClassificationTask
from .options import TrainingOptions, option
from .task import Application, Card, Metric, Published, Task, Verb

__all__ = [
    "Application",
    "Card",
    "ClassificationTask",
    "Metric",
    "Published",
    "Task",
    "TrainingOptions",
    "Verb",
    "cards",
    "classification",
    "command_line",
    "comparison",
    "files",
    "option",
    "options",
    "runs",
    "sampling",
    "task",
    "verbs",
    "workflow",
]
