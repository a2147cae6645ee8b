"""The verbs, once, for every task: `python -m tasks.NAME [VERB] [OPTIONS]`.

This module parses arguments; what verbs read and print is in `terminal`, the work in
`zoo.application.workflow`, and verbs that only some tasks have are in `verbs`.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

import click

from zoo.application.command_line import options, terminal, verbs
from zoo.application.task import Settings
from zoo.errors import EXTRAS, MissingPackageError, UserError

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def run(task):
    """Runs a task's command line and exits, with the code that `execute` returns."""
    sys.exit(execute(commands(task), prog_name=f"python -m tasks.{task.name}"))


def commands(task):
    """The click command of a task, with its verbs."""
    return _TaskCommands(task)


def execute(command, prog_name, arguments=None):
    """Runs a click command.

    Args:
        command: the command.
        prog_name: how it was called, for its help.
        arguments: list of strings; those of the process by default.

    Returns:
        The exit code: 0; 2 for wrong input, with one line on standard error; 130 after Control-C.
    """
    try:
        with _named_extras():
            result = command.main(arguments, prog_name, standalone_mode=False)
        return result if isinstance(result, int) else 0  # click returns the code of an early exit
    except (UserError, click.ClickException) as error:
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"error: {' '.join(message.splitlines())}", err=True)
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


class _TaskCommands(click.Group):
    """A group whose default verb is `train`."""

    def __init__(self, task):
        super().__init__(
            help=f"{task.summary}\n\nWithout a verb: train with the defaults.",
            context_settings={"help_option_names": options.HELP},
        )
        own = (verbs.VERBS[name](task) for name in task.verbs)
        for command in (_train(task), _evaluate(task), _predict(task), *own, _export(task)):
            self.add_command(command)

    def list_commands(self, context):
        return list(self.commands)  # in the order of use, not of the alphabet

    def parse_args(self, context, arguments):
        if not arguments or (arguments[0].startswith("-") and arguments[0] not in options.HELP):
            arguments = ["train", *arguments]
        return super().parse_args(context, arguments)

    def resolve_command(self, context, arguments):
        if arguments[0] not in self.commands:
            verbs = ", ".join(self.commands)
            raise click.UsageError(f"unknown verb '{arguments[0]}': one of {verbs}", context)
        return super().resolve_command(context, arguments)


def _train(task):
    def train(as_json, **values):
        workflow = terminal.import_workflow()
        context = click.get_current_context()
        command_line = click.core.ParameterSource.COMMANDLINE
        given = {name for name in values if context.get_parameter_source(name) is command_line}
        result = workflow.train(task, Settings(values), given, terminal.console(as_json))
        if as_json:
            terminal.print_json(result)

    parameters = options.of_train(task)
    return terminal.command(
        "train", train, parameters, "Train a network, test it, save it (the default)."
    )


def _evaluate(task):
    def evaluate(as_json, **values):
        workflow = terminal.import_workflow()
        result = workflow.evaluate(task, Settings(values), terminal.console(as_json))
        if as_json:
            terminal.print_json(result)

    parameters = options.of_evaluate(task)
    return terminal.command("evaluate", evaluate, parameters, "Measure a saved model on test data.")


def _predict(task):
    def predict(inputs, as_json, **values):
        workflow = terminal.import_workflow()
        total = None if inputs == ("-",) else len(inputs)
        predictions = terminal.with_progress(
            workflow.predict(task, Settings(values), terminal.read_inputs(inputs)), total
        )
        if as_json:
            terminal.print_json({"predictions": list(predictions)})
            return
        for prediction in predictions:
            click.echo(task.show(prediction))

    parameters = options.of_predict(task)
    return terminal.command(
        "predict", predict, parameters, "Predict inputs; - reads lines from stdin."
    )


def _export(task):
    def export(as_json, **values):
        # An export is a TensorFlow graph, whatever backend the model was trained on.
        os.environ["KERAS_BACKEND"] = "tensorflow"
        result = terminal.import_workflow().export(
            task, Settings(values), terminal.console(as_json)
        )
        if as_json:
            terminal.print_json(result)

    parameters = options.of_export(task)
    return terminal.command(
        "export", export, parameters, "Write a saved model for a server or a device."
    )
