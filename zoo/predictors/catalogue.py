"""What is in the house: tasks and saved models, found by their files, without loading TensorFlow.

Cells and packaged corpora are named by `zoo.cells.CELLS` and `zoo.datasets.corpora.PACKAGED`.
"""

import ast
import json
import os
from pathlib import Path
from typing import Any

from zoo.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the packages `zoo` and `tasks`: a checkout, or where they are installed."""
TASKS = ROOT / "tasks"
_INSTALLED = ROOT / "zoo" / "saved_models"  # where the wheel puts the models that ship
SHIPPED_MODELS = _INSTALLED if _INSTALLED.is_dir() else ROOT / "saved_models"
CONFIG_NAME, METRICS_NAME = "config.json", "metrics.json"


def tasks() -> dict[str, str]:
    """The tasks: their names, and the first lines of their modules' docstrings."""
    return {path.stem: _summary(path) for path in sorted(TASKS.glob("[!_]*.py"))}


def _summary(module: Path) -> str:
    try:
        docstring = ast.get_docstring(ast.parse(module.read_bytes()))
    except (SyntaxError, ValueError) as error:
        return f"not Python: {error}"
    return (docstring or "").partition("\n")[0]


def trained_models() -> Path:
    """The folder where training puts models by itself, and where their names are looked up first.

    `ZOO_MODELS` names it; else it is `saved_models/` in the checkout or, where the zoo is
    installed, in the current folder.
    """
    if chosen := os.environ.get("ZOO_MODELS"):
        return Path(chosen).expanduser()
    home = Path.cwd() if SHIPPED_MODELS == _INSTALLED else ROOT
    return home / "saved_models"


def models() -> dict[str, Path]:
    """The folders of the models that users trained and of those that ship, by their names."""
    places = (SHIPPED_MODELS, trained_models())
    folders = [path.parent for place in places for path in place.glob(f"*/{CONFIG_NAME}")]
    return dict(sorted({folder.name: folder for folder in folders}.items()))


def holds_model(folder: str | Path) -> bool:
    """Whether a folder holds a saved model."""
    return (Path(folder) / CONFIG_NAME).is_file()


def find_model(model: str | Path) -> Path:
    """The folder of a saved model, from its name or its path; else a UserError that lists names.

    A model that a user trained comes before one of the same name that ships.
    """
    if not isinstance(model, str | Path) or not str(model):
        raise UserError(f"give the name or the folder of a model, not {model!r}")
    for folder in (trained_models() / model, SHIPPED_MODELS / model, Path(model)):
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


def read_metrics(folder: str | Path) -> dict[str, Any]:
    """What training recorded of a saved model, {} if nothing; a UserError if it is damaged."""
    path = Path(folder) / METRICS_NAME
    if not path.is_file():
        return {}
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: damaged: restore it, or train the model again") from error
    kinds = {"metric": str, "dataset": str, "settings": dict}
    if not isinstance(metrics, dict) or not all(
        isinstance(metrics.get(name, kind()), kind) for name, kind in kinds.items()
    ):
        raise UserError(f"{path}: not the metrics of a model: restore it, or train it again")
    return metrics


def reference(folder: str | Path) -> str:
    """What `zoo.load` and `--model` take for a folder: the name of its model, or its path."""
    resolved = Path(folder).resolve()
    for place in (trained_models(), SHIPPED_MODELS):
        if resolved.parent == place.resolve():
            return resolved.name
        if holds_model(place / resolved.name):  # which comes before the one that is asked for
            break
    return str(folder)
