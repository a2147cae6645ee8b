"""The verbs, once, for every task: `python -m tasks.NAME [VERB] [OPTIONS]`.

This module parses arguments and prints; the work is in `zoo.workflow`, which is imported when it
starts, because it loads TensorFlow.
"""

import json
import os
import sys
import tempfile

import click
from rich.console import Console

from zoo.errors import UserError
from zoo.task import Settings

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def run(task):
    """Runs a task's command line and exits.

    Exit codes: 0; 2 for wrong input, with one line on standard error; 130 after Control-C.
    """
    command = _TaskCommands(task)
    sys.exit(_run(command, prog_name=f"python -m tasks.{task.name}"))


def _run(command, prog_name):
    try:
        command.main(prog_name=prog_name, standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except (UserError, click.ClickException) as error:
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"error: {message}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort) as interrupt:
        click.echo(str(interrupt) or "interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _import_workflow():
    """Imports what needs TensorFlow, without the notices that it prints on loading.

    They come from native code before any log level is read, so what is written to standard error
    meanwhile is held back, and shown only if the import fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as notices:
        os.dup2(notices.fileno(), 2)
        try:
            from zoo import workflow
        except BaseException:
            notices.seek(0)
            os.write(terminal, notices.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
    return workflow


class _TaskCommands(click.Group):
    """A group whose default verb is `train`."""

    def __init__(self, task):
        super().__init__(help=f"{task.summary}\n\nWithout a verb: train with the defaults.")
        for command in (_train(task), _evaluate(task), _predict(task)):
            self.add_command(command)

    def parse_args(self, context, arguments):
        if not arguments or (arguments[0].startswith("-") and arguments[0] != "--help"):
            arguments = ["train", *arguments]
        return super().parse_args(context, arguments)


_JSON = click.Option(
    ["--json", "as_json"], is_flag=True, help="One JSON object as the last line of output."
)


def _data_options(dataset):
    return [
        click.Option(["--dataset"], help=f"Packaged corpus or TFDS name.  [default: {dataset}]"),
        click.Option(["--data"], help="Your file instead: CSV, TSV or JSON Lines."),
        click.Option(["--limit"], type=click.IntRange(1), help="Use so many examples a split."),
    ]


def _train(task):
    default = task.default_of
    options = [
        *_data_options(task.dataset),
        click.Option(["--validation"], help="Your validation file.  [default: a tenth of --data]"),
        click.Option(["--test"], help="Your test file.  [default: a tenth of --data]"),
        click.Option(["--cell"], default=default("cell"), help="A cell; `python -m zoo` lists."),
        click.Option(["--units"], type=click.IntRange(1), default=default("units")),
        click.Option(["--layers"], type=click.IntRange(1), default=default("layers")),
        click.Option(["--bidirectional/--no-bidirectional"], default=default("bidirectional")),
        click.Option(["--residual"], is_flag=True, help="Add each layer's input to its output."),
        click.Option(
            ["--dropout"],
            type=click.FloatRange(0, 1, max_open=True),
            default=default("dropout"),
        ),
        click.Option(["--epochs"], type=click.IntRange(1), default=default("epochs")),
        click.Option(
            ["--patience"],
            type=click.IntRange(1),
            default=default("patience"),
            help="Stop after so many epochs without a better validation loss.",
        ),
        click.Option(["--batch-size"], type=click.IntRange(1), default=default("batch_size")),
        click.Option(
            ["--learning-rate"],
            type=click.FloatRange(0, min_open=True),
            default=default("learning_rate"),
        ),
        click.Option(
            ["--clip-norm"],
            type=click.FloatRange(0, min_open=True),
            default=default("clip_norm"),
            help="Largest global norm of the gradient.",
        ),
        click.Option(
            ["--clip-order"],
            type=click.Choice(["1", "2"]),
            default=default("clip_order"),
            help="Which norm: L1 or L2.",
        ),
        click.Option(
            ["--schedule"],
            type=click.Choice(["constant", "cosine"]),
            default=default("schedule"),
            help="Of the learning rate; cosine falls to 0 over all epochs.",
        ),
        click.Option(["--seed"], type=click.IntRange(0), default=default("seed")),
        *task.options,
        click.Option(["--out"], help="Folder of the model.  [default: a new one in saved_models/]"),
        click.Option(["--resume"], is_flag=True, help="Go on with the run in --out."),
        click.Option(["--overwrite"], is_flag=True, help="Replace the model in --out."),
        click.Option(["--mixed-precision"], is_flag=True, help="Compute in bfloat16."),
        _JSON,
    ]

    def train(as_json, **values):
        workflow = _import_workflow()
        context = click.get_current_context()
        command_line = click.core.ParameterSource.COMMANDLINE
        given = {name for name in values if context.get_parameter_source(name) is command_line}
        console = Console(stderr=as_json, highlight=False)
        result = workflow.train(task, Settings(values), given, console)
        if as_json:
            click.echo(json.dumps(result, ensure_ascii=False))

    return _command("train", train, options, "Train a network, test it, save it (the default).")


def _evaluate(task):
    options = [_model_option(task), *_data_options("that of the model"), _JSON]

    def evaluate(as_json, **values):
        workflow = _import_workflow()
        result = workflow.evaluate(task, Settings(values), Console(stderr=as_json, highlight=False))
        if as_json:
            click.echo(json.dumps(result, ensure_ascii=False))

    return _command("evaluate", evaluate, options, "Measure a saved model on test data.")


def _predict(task):
    inputs = click.Argument(["inputs"], nargs=-1, required=True, metavar="INPUT... | -")

    def predict(inputs, model, as_json):
        workflow = _import_workflow()
        if inputs == ("-",):
            inputs = (line.rstrip("\r\n") for line in _standard_input())
        predictions = workflow.predict(task, model, inputs)
        if as_json:
            click.echo(json.dumps({"predictions": list(predictions)}, ensure_ascii=False))
            return
        for prediction in predictions:
            click.echo(task.show(prediction))

    options = [inputs, _model_option(task), _JSON]
    return _command("predict", predict, options, "Predict inputs; - reads lines from stdin.")


def _standard_input():
    stream = click.get_text_stream("stdin", encoding="utf-8", errors="strict")
    try:
        yield from stream
    except UnicodeDecodeError as error:
        raise UserError(f"standard input is not UTF-8 ({error.reason})") from error


def _model_option(task):
    return click.Option(["--model"], default=task.preset, help="Name or folder of a saved model.")


def _command(name, callback, options, help_text):
    for option in options:
        option.show_default = getattr(option, "default", None) is not None and option is not _JSON
    return click.Command(name, callback=callback, params=options, help=help_text)
