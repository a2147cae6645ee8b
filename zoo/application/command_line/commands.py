"""The command line of a task: `python -m tasks.NAME [VERB] [OPTIONS]`."""

import contextlib
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import click

from zoo.application import verbs
from zoo.application.command_line import terminal
from zoo.application.command_line.parameters import AS_JSON, HELP, as_json, parameters, values_of
from zoo.application.task import Application, Verb
from zoo.errors import EXTRAS, MissingPackageError, UserError
from zoo.predictors.silence import silence_stderr

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def run(task: Application) -> None:
    """Runs a task's command line and exits, with the code that `execute` returns."""
    sys.exit(execute(commands_of(task), prog_name=task.program))


def commands_of(task: Application) -> click.Group:
    """The click command of a task, with its verbs."""
    return _TaskCommands(task)


def execute(command: click.Command, prog_name: str, arguments: list[str] | None = None) -> int:
    """Runs a click command with the words of the process's command line, or with `arguments`.

    Returns the exit code: 0; 2 for wrong input, with a line on standard error; 130 after Control-C.
    """
    try:
        with _named_extras():
            result = command.main(arguments, prog_name, standalone_mode=False)
            sys.stdout.flush()
        if isinstance(result, dict):
            return 2 if result.get("failed") else 0
        return result if isinstance(result, int) else 0  # click returns the code of an early exit
    except (UserError, click.ClickException) as error:
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        terminal.say(f"error: {' '.join(message.splitlines())}")
        return 2
    except OSError as error:
        if error.filename is not None:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes there
        terminal.say(f"error: cannot write the results ({error.strerror})")
        return 2
    except click.Abort as abort:  # what click makes of Control-C
        click.echo(str(abort.__cause__ or "") or "interrupted", err=True)
        return INTERRUPTED


@contextlib.contextmanager
def _named_extras() -> Iterator[None]:
    """Context in which a package that is not installed is an error of the user, who is told how."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRAS:
            raise
        raise MissingPackageError(error) from error


@contextlib.contextmanager
def _heeded_interrupt() -> Iterator[None]:
    """Context whose end raises a KeyboardInterrupt that something in it has swallowed."""
    interrupted: list[int] = []
    before = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: Any) -> None:
        interrupted.append(number)
        signal.default_int_handler(number, frame)

    heeds = before is signal.default_int_handler
    if heeds and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
        if interrupted:
            raise KeyboardInterrupt
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, before)


class _TaskCommands(click.Group):
    """A group whose default verb is the first, of a task with models `train`."""

    def __init__(self, task: Application) -> None:
        commands = [command_of(verb, task) for verb in verbs.of_task(task)]
        self.default = str(commands[0].name)
        super().__init__(
            help=f"{task.summary}\n\nWithout a verb: {self.default} with the defaults.",
            context_settings={"help_option_names": HELP},
        )
        for command in commands:
            self.add_command(command)

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)  # in the order of use, not of the alphabet

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        if not arguments or (arguments[0].startswith("-") and arguments[0] not in HELP):
            arguments = [self.default, *arguments]
        return super().parse_args(context, arguments)

    def resolve_command(self, context: click.Context, arguments: list[str]) -> Any:
        if arguments[0] not in self.commands:
            known = ", ".join(self.commands)
            raise click.UsageError(f"unknown verb '{arguments[0]}': one of {known}", context)
        return super().resolve_command(context, arguments)


def command_of(verb: Verb, task: Application | None = None) -> click.Command:
    """The click command of a verb, of a task or of none."""

    def callback(**values: Any) -> Any:
        if verb.tensorflow:
            os.environ["KERAS_BACKEND"] = "tensorflow"
        if task:  # what loads TensorFlow, without its notices
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            terminal.say_what_takes_long()
            with silence_stderr(), _heeded_interrupt():
                importlib.import_module("zoo.application.workflow")
        output = terminal.Output(values.get(AS_JSON, False), _given(values))
        options = [values_of(one, values) for one in verb.options]
        with terminal.shown_log(output) if task else contextlib.nullcontext():
            result = verb.run(*([task] if task else []), *options, output)
        if isinstance(result, dict) and output.json:
            click.echo(terminal.as_json(result))
        return result

    return click.Command(
        verb.name or verb.run.__name__,
        callback=callback,
        params=[*parameters(*verb.options, task=task), *([as_json()] if verb.result else [])],
        help=verb.help,
        context_settings={"help_option_names": HELP},
    )


def _given(names: Iterable[str]) -> list[str]:
    """Which options of the running command were given rather than left at their default."""
    context = click.get_current_context()
    command_line = click.core.ParameterSource.COMMANDLINE
    return [name for name in names if context.get_parameter_source(name) is command_line]
