from . import cards, command_line, comparison, options, runs, sampling, task, verbs, workflow
from .options import TrainingOptions, option
from .task import Card, Metric, Published, Task, Verb

__all__ = [
    "Card",
    "Metric",
    "Published",
    "Task",
    "TrainingOptions",
    "Verb",
    "cards",
    "command_line",
    "comparison",
    "option",
    "options",
    "runs",
    "sampling",
    "task",
    "verbs",
    "workflow",
]
