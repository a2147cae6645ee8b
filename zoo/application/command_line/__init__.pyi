from . import commands, parameters, serving, terminal
from .commands import commands_of, execute, run

__all__ = [
    "commands",
    "commands_of",
    "execute",
    "parameters",
    "run",
    "serving",
    "terminal",
]
