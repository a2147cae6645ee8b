"""The options of the verbs that every task has."""

import os
import shlex
from pathlib import Path

import click

from zoo.application.task import Settings
from zoo.cells import CELLS
from zoo.serving import FORMATS

HELP = ["-h", "--help"]


class Text(click.ParamType):
    """Text that is not empty: an unset variable in a script must not pass for the default.

    Args:
        name: what the text is, for the help.
    """

    def __init__(self, name):
        self.name = name

    def convert(self, value, parameter, context):
        if not value:
            self.fail(f"it is empty: give a {self.name} or leave the option out")
        return value


class OutputFile(Text):
    """The path of a file that can be written, which is better known before hours of work."""

    def convert(self, value, parameter, context):
        path = Path(super().convert(value, parameter, context))
        there = path.exists()
        fits = not path.is_dir() if there else path.parent.is_dir()
        if not (fits and os.access(path if there else path.parent, os.W_OK)):
            self.fail(f"{value} cannot be written: give a file in a folder that is there")
        return value


def as_json():
    """`--json`."""
    return click.Option(
        ["--json", "as_json"], is_flag=True, help="One JSON object as the last line of output."
    )


def of_train(task):
    """The options of `train`: the common ones, with the task's defaults, and the task's own."""
    default = task.default_of
    parameters = [
        *of_data(task, f"[default: {task.dataset}]", task.limit_help),
        _file("--validation", "Your validation file.  [default: a tenth of --data]"),
        _file("--test", "Your test file.  [default: a tenth of --data]"),
        *_of_network(default),
        *_of_training(default, task.metric),
        *task.options,
        click.Option(
            ["--out"],
            type=Text("folder"),
            help="Folder of the model.  [default: a new one in saved_models/]",
        ),
        click.Option(["--resume"], is_flag=True, help="Go on with the run in --out."),
        click.Option(["--overwrite"], is_flag=True, help="Replace the model in --out."),
    ]
    parameters = [option for option in parameters if option.name not in task.without]
    return [*with_defaults_shown(parameters, task.defaults_in_words), as_json()]


def of_evaluate(task):
    """The options of `evaluate`."""
    parameters = [
        model(task),
        *of_data(task, "[default: that of the model]", "Use so many of the examples."),
    ]
    return [*with_defaults_shown(parameters), as_json()]


def of_predict(task):
    """The arguments and options of `predict`."""
    inputs = click.Argument(["inputs"], nargs=-1, required=True, metavar="INPUT... | -")
    options = [model(task), *task.predict_options]
    return [inputs, *with_defaults_shown(options), as_json()]


def of_export(task):
    """The options of `export`."""
    parameters = [
        model(task),
        click.Option(
            ["--out"], type=Text("folder"), required=True, help="Folder of all served models."
        ),
        click.Option(
            ["--name"],
            type=Text("name"),
            help="What the model is called there.  [default: that of its folder]",
        ),
        click.Option(
            ["--format", "file_format"],
            type=click.Choice(list(FORMATS)),
            default="saved_model",
            help="saved_model is what TensorFlow Serving reads.",
        ),
        click.Option(
            ["--overwrite"],
            is_flag=True,
            help="Replace an earlier export; a saved_model becomes a new version anyhow.",
        ),
    ]
    return [*with_defaults_shown(parameters), as_json()]


def training_command(task, settings):
    """The command line of `train` with these settings, as far as they are not the defaults.

    Args:
        task: the `zoo.application.task.Task`.
        settings: dict of options by parameter name.
    """
    parameters = of_train(task)
    defaults = click.Command("train", params=parameters).make_context("train", []).params
    # A default that depends on other options is the one that goes with those of this run.
    resolved = {
        name: None if name in task.defaults_in_words else settings.get(name, value)
        for name, value in defaults.items()
    }
    task.resolve(Settings(resolved))
    words = ["python", "-m", f"tasks.{task.name}", "train"]
    for option in parameters:
        value = settings.get(option.name)
        depends = option.name in task.defaults_in_words
        if value is None or value == (resolved if depends else defaults)[option.name]:
            continue
        if option.is_flag:
            words += (option.opts if value else option.secondary_opts)[:1]
        else:
            words += [option.opts[0], str(value)]
    return shlex.join(words)


def model(task):
    """`--model`, which is the one that ships unless another is given."""
    return click.Option(
        ["--model"],
        type=Text("model"),
        default=task.preset,
        show_default=True,
        help="Name or folder of a saved model; `python -m zoo` lists them.",
    )


def of_data(task, default, limit):
    """The options that say what data to take, and how much of it."""
    return [
        click.Option(
            ["--dataset"], type=Text("name"), help=f"Packaged corpus or TFDS name.  {default}"
        ),
        _file("--data", f"Your file instead: {task.file_formats}."),
        click.Option(["--limit"], type=click.IntRange(1), help=limit),
    ]


def _file(name, help_text):
    return click.Option([name], type=Text("file"), help=help_text)


def _of_network(default):
    return [
        click.Option(
            ["--cell"],
            type=click.Choice(list(CELLS)),
            default=default("cell"),
            help="The recurrent cell.",
        ),
        click.Option(
            ["--units"],
            type=click.IntRange(1),
            default=default("units"),
            help="Units of a layer, in each direction.",
        ),
        click.Option(
            ["--layers"],
            type=click.IntRange(1),
            default=default("layers"),
            help="Recurrent layers on top of each other.",
        ),
        click.Option(
            ["--bidirectional/--no-bidirectional"],
            default=default("bidirectional"),
            help="Read the sequence in both directions.",
        ),
        click.Option(
            ["--residual/--no-residual"],
            default=default("residual"),
            help="Add each layer's input to its output.",
        ),
        click.Option(
            ["--dropout"],
            type=click.FloatRange(0, 1, max_open=True),
            default=default("dropout"),
            help="Fraction of values set to 0 in training.",
        ),
    ]


def _of_training(default, metric):
    return [
        click.Option(
            ["--epochs"],
            type=click.IntRange(1),
            default=default("epochs"),
            help="Most passes over the training split.",
        ),
        click.Option(
            ["--patience"],
            type=click.IntRange(1),
            default=default("patience"),
            help="Stop after so many epochs without a better one.",
        ),
        click.Option(
            ["--monitor"],
            type=click.Choice(["loss", metric]),
            default=default("monitor"),
            help="The validation figure by which the best epoch is chosen.",
        ),
        click.Option(
            ["--batch-size"],
            type=click.IntRange(1),
            default=default("batch_size"),
            help="Examples in a step of training.",
        ),
        click.Option(
            ["--learning-rate"],
            type=click.FloatRange(0, min_open=True),
            default=default("learning_rate"),
            help="Of Adam, at the beginning.",
        ),
        click.Option(
            ["--schedule"],
            type=click.Choice(["constant", "cosine"]),
            default=default("schedule"),
            help="Of the learning rate; cosine falls to 0 over all epochs.",
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
            ["--mixed-precision/--no-mixed-precision"],
            default=default("mixed_precision"),
            help="Compute in bfloat16, keep weights in float32.",
        ),
        click.Option(
            ["--seed"],
            type=click.IntRange(0, 2**32 - 1),
            default=default("seed"),
            help="Of initial weights, dropout and the order of examples.",
        ),
    ]


def with_defaults_shown(parameters, in_words=None):
    """The same options, which show their defaults in the help.

    Args:
        parameters: list of `click.Option`s.
        in_words: what is shown instead of the value, by parameter name.
    """
    for option in parameters:
        shown = not option.is_flag or bool(option.secondary_opts)
        option.show_default = (in_words or {}).get(option.name, shown)
    return parameters
