"""Saved models: a folder each, loaded by name or path without training code or network."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import keras

import zoo
import zoo.layers
import zoo.training
from zoo.errors import UserError
from zoo.predictors import PREDICTORS

FOLDER = Path(__file__).resolve().parent.parent / "saved_models"
CONFIG_NAME, MODEL_NAME, METRICS_NAME = "config.json", "model.keras", "metrics.json"


def names():
    """Names of the models in `saved_models/`, those that ship and those that users trained."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{CONFIG_NAME}"))


def holds_model(folder):
    """Whether a folder holds a saved model."""
    return (Path(folder) / CONFIG_NAME).exists()


def find(preset):
    """The folder of a model, from its name or path.

    Raises:
        UserError: there is none; the message lists the names.
    """
    for folder in (FOLDER / preset, Path(preset)):
        if holds_model(folder):
            return folder
    known = ", ".join(names()) or "none"
    if Path(preset).is_dir():
        raise UserError(f"{preset} holds no saved model ({CONFIG_NAME} is missing)")
    raise UserError(f"unknown model '{preset}': give a folder or one of: {known}")


def load(preset):
    """Loads a saved model.

    Args:
        preset: a name in `saved_models/`, or the path of a folder that `save` wrote.

    Returns:
        A predictor (`zoo.predictors`): raw inputs in, labelled results out; the `keras.Model` is
        its attribute `model`.

    Raises:
        UserError: there is no such model, or it is damaged.
    """
    folder = find(preset)
    config = _read_config(folder)
    try:
        model = keras.saving.load_model(folder / MODEL_NAME, compile=False)
        return PREDICTORS[config["predictor"]].load_assets(folder, config, model)
    except UserError:
        raise
    except Exception as error:  # Keras, zip and HDF5 each have errors of their own for bad files
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{folder}: the saved model is damaged or incomplete ({reason}): restore or retrain it"
        ) from error


def _read_config(folder):
    path = folder / CONFIG_NAME
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind = config["predictor"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not the configuration of a saved model: restore it") from error
    if kind not in PREDICTORS:
        raise UserError(
            f"{path}: '{kind}' is not a kind of model that this version of the zoo knows "
            f"({', '.join(PREDICTORS)}): update the zoo"
        )
    return config


def read_metrics(folder):
    """What training recorded of a saved model: figures, data and settings; {} if nothing."""
    path = Path(folder) / METRICS_NAME
    if not path.exists():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: damaged: restore it") from error


def save(predictor, folder, metrics):
    """Writes a model so that `load` finds all of it or, if interrupted, nothing.

    The Keras archive holds no optimizer state: it is for inference, and a third of the size.

    Args:
        predictor: one of `zoo.predictors`.
        folder: where to; other files there stay. The caller decides whether it may be overwritten.
        metrics: dict of what to remember of the training, written as JSON.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder, prefix=".saving-"))
    try:
        predictor.model.save(aside / MODEL_NAME, include_optimizer=False)
        assets = predictor.save_assets(aside)
        config = {"predictor": predictor.kind, "zoo_version": zoo.__version__, **assets}
        _write_json(aside / METRICS_NAME, metrics)
        _write_json(aside / CONFIG_NAME, config)
        (folder / CONFIG_NAME).unlink(missing_ok=True)
        # The configuration is moved last: a folder is a saved model once it is there.
        for path in sorted(aside.iterdir(), key=lambda path: path.name == CONFIG_NAME):
            os.replace(path, folder / path.name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write_json(path, content):
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
