from . import cards, command_line, comparison, runs, task, workflow

__all__ = [
    "cards",
    "command_line",
    "comparison",
    "runs",
    "task",
    "workflow",
]
