from . import commands, notices, parameters, serving, terminal
from .commands import commands_of, execute, run

__all__ = [
    "commands",
    "commands_of",
    "execute",
    "notices",
    "parameters",
    "run",
    "serving",
    "terminal",
]
