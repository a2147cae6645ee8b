from . import commands, options, sampling_options, serving, terminal, verbs
from .commands import run

__all__ = [
    "commands",
    "options",
    "run",
    "sampling_options",
    "serving",
    "terminal",
    "verbs",
]
