"""What is in the house: tasks and saved models, found by their files, without loading TensorFlow.

Cells and packaged corpora are named by `zoo.cells.CELLS` and `zoo.datasets.corpora.PACKAGED`.
"""

import ast
import json
from pathlib import Path

from zoo.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
TASKS, SAVED_MODELS = ROOT / "tasks", ROOT / "saved_models"
CONFIG_NAME, METRICS_NAME = "config.json", "metrics.json"


def tasks():
    """The tasks: a dict of their names and the first lines of their modules' docstrings."""
    return {path.stem: _summary(path) for path in sorted(TASKS.glob("[!_]*.py"))}


def _summary(module):
    try:
        docstring = ast.get_docstring(ast.parse(module.read_bytes()))
    except (SyntaxError, ValueError) as error:
        return f"not Python: {error}"
    return (docstring or "").partition("\n")[0]


def models():
    """Names of the models in `saved_models/`, those that ship and those that users trained."""
    return sorted(path.parent.name for path in SAVED_MODELS.glob(f"*/{CONFIG_NAME}"))


def holds_model(folder):
    """Whether a folder holds a saved model."""
    return (Path(folder) / CONFIG_NAME).is_file()


def find_model(model):
    """The folder of a saved model, from its name in `saved_models/` or its path.

    Raises:
        UserError: there is none; the message lists the names.
    """
    for folder in (SAVED_MODELS / model, Path(model)):
        if holds_model(folder):
            return folder
    if Path(model).is_dir():
        raise UserError(
            f"{model} holds no saved model ({CONFIG_NAME} is missing): give another folder, or "
            "train one there"
        )
    known = ", ".join(models())
    raise UserError(
        f"unknown model '{model}': give the folder of one, "
        + (f"or one of {known}" if known else "or train one first: there are none yet")
    )


def read_metrics(folder):
    """What training recorded of a saved model: figures, data and settings; {} if nothing.

    Raises:
        UserError: the file is damaged.
    """
    path = Path(folder) / METRICS_NAME
    if not path.exists():
        return {}
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: damaged: restore it, or train the model again") from error
    if not isinstance(metrics, dict):
        raise UserError(f"{path}: not the metrics of a model: restore it, or train it again")
    return metrics


def reference(folder):
    """What `zoo.load` and `--model` take for a folder: its name in `saved_models/`, or its path."""
    resolved = Path(folder).resolve()
    return resolved.name if resolved.parent == SAVED_MODELS.resolve() else str(folder)
