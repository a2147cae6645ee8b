"""The verbs that every task has, and those that several have."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from zoo import application
from zoo.application.options import (
    DataOptions,
    ManyOptions,
    ModelOptions,
    argument,
    fixed,
    option,
)
from zoo.application.task import Application, Output, Task, Verb
from zoo.cells import CELLS
from zoo.errors import UserError
from zoo.serving import FORMATS
from zoo.text.normalization import printable


@dataclass
class EvaluateOptions(DataOptions, ModelOptions):
    """What `evaluate` takes."""

    dataset: str | None = option(
        None, "Packaged corpus or TFDS name.  [default: that of the model]"
    )
    limit: int | None = option(None, "Use so many of the examples.")


@dataclass
class Inputs:
    """What `predict` reads."""

    inputs: tuple[str, ...] = argument("INPUT... | -", required=False)


@dataclass
class ExportOptions(ModelOptions):
    """What `export` takes."""

    out: str = option(None, "Folder of all served models.", what="folder", required=True)
    name: str | None = option(
        None, "What the model is called there.  [default: that of its folder]", what="name"
    )
    file_format: str = option(
        "saved_model",
        "saved_model is what TensorFlow Serving reads.",
        name="format",
        choices=tuple(FORMATS),
    )
    overwrite: bool = option(
        False, "Replace an earlier export; a saved_model becomes a new version anyhow.", flag=True
    )


@dataclass
class CompareOptions:
    """What `compare` takes besides the options of `train`."""

    cells: tuple[str, ...] = option(
        (), "A cell to compare; can be repeated.  [default: all]", choices=tuple(CELLS)
    )
    parameters: int = option(
        None, "Weights of each network, by the units that come nearest.", least=1000, required=True
    )
    out: str = option(
        None, "Folder of the results; a network in it is kept.", what="folder", required=True
    )


def of_task(task: Application) -> list[Verb]:
    """The verbs of a task, in the order of use."""
    if not isinstance(task, Task):
        return [*task.verbs]
    return [
        Verb(train, "Train a network, test it, save it (the default).", (task.options,)),
        Verb(evaluate, "Measure a saved model on test data.", (EvaluateOptions,)),
        Verb(
            predict,
            "Predict inputs; - reads lines from stdin.",
            (Inputs, ManyOptions, task.predict_options),
        ),
        *task.verbs,
        # It writes a graph of TensorFlow, whatever the model was trained on.
        Verb(export, "Write a saved model for a server or a device.", (ExportOptions,), "", True),
    ]


def train(task: Task, options: Any, output: Output) -> dict[str, Any]:
    """Trains a network, tests it and saves it."""
    return application.workflow.train(task, options, output.given, output.console)


def evaluate(task: Task, options: EvaluateOptions, output: Output) -> dict[str, Any]:
    """Measures a saved model."""
    return application.workflow.evaluate(task, options, output.console)


def predict(
    task: Task, inputs: Inputs, many: ManyOptions, options: Any, output: Output
) -> dict[str, Any] | int:
    """Predicts inputs, and shows each prediction as it comes; or the rows of files, into a folder.

    Where some of several could not be read, `failed` is their number, and the exit code is 2.
    """
    if are_many(inputs.inputs, many, "INPUT... | -"):
        return application.many.run(task, many, options, output)
    found, total = application.workflow.predict(task, options, output.inputs(inputs.inputs))
    predictions = output.track(found, total)
    if output.json:
        every = list(predictions)
        errors = sum("error" in prediction for prediction in every)
        return {"predictions": every, **({"failed": errors} if errors else {})}
    unfamiliar, failed, first = 0, 0, ""
    for prediction in predictions:
        output.line(task.show(printable(prediction)))
        failed += "error" in prediction
        if not prediction.get("familiar", True):
            first = first or prediction.get("name") or prediction["input"]
            unfamiliar += 1
    if unfamiliar:
        shown = " ".join(first.split())[:50]
        output.note(f"unlike the training data: {unfamiliar:,}, such as '{shown}'")
    return 2 if failed else 0


def are_many(words: tuple[str, ...], many: ManyOptions, metavar: str) -> bool:
    """Whether --data is given in place of words; a UserError, if it is neither or both."""
    if many.data and words:
        raise UserError(f"give {metavar} or --data, not both")
    if not words and not (many.data or many.out):
        raise UserError(f"Missing argument '{metavar}': give it, or --data and --out")
    if words and many.out:
        raise UserError("--out is of --data: leave it out")
    return not words


def export(task: Task, options: ExportOptions, output: Output) -> dict[str, Any]:
    """Writes a saved model for a server or a device."""
    return application.workflow.export(task, options, output.console)


def compare(task: Task, own: CompareOptions, options: Any, output: Output) -> dict[str, Any]:
    """Trains one network per cell, all of one size, and tabulates them."""
    cells = own.cells or tuple(CELLS)
    return application.comparison.compare(task, options, cells, own.parameters, output.console)


_OF_ONE_NETWORK = ("cell", "units", "hosts", "host_index", "resume", "overwrite")


def comparing(options: type) -> Verb:
    """The verb `compare` of a task whose `train` takes these options."""
    chosen = [(name, object, fixed(None)) for name in _OF_ONE_NETWORK]
    shared = dataclasses.make_dataclass("Compared", chosen, bases=(options,))
    help_text = "Train one network per cell, all of one size, and tabulate them."
    return Verb(compare, help_text, (CompareOptions, shared))
