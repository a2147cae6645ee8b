"""Saved models: a folder each, loaded by name or path without training code or network."""

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import keras

import zoo
import zoo.layers
from zoo.errors import UserError
from zoo.predictors import PREDICTORS
from zoo.predictors.catalogue import CONFIG_NAME, METRICS_NAME, find_model

MODEL_NAME = "model.keras"


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
    folder = find_model(preset)
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
        raise UserError(
            f"{path}: not the configuration of a saved model: restore it, or train the model again"
        ) from error
    if kind not in PREDICTORS:
        raise UserError(
            f"{path}: '{kind}' is not a kind of model that this version of the zoo knows "
            f"({', '.join(PREDICTORS)}): update the zoo"
        )
    return config


def save(predictor, folder, metrics):
    """Writes a model so that `load` finds all of it or, if interrupted, nothing.

    Args:
        predictor: one of `zoo.predictors`.
        folder: where to; other files there stay. The caller decides whether a model that is there
            may be overwritten.
        metrics: dict of what to remember of the training, written as JSON.
    """
    with atomic_replace(folder) as new:
        write(predictor, new, metrics)


@contextlib.contextmanager
def atomic_replace(folder):
    """Context of a temporary folder whose files, if nothing fails, are moved to `folder` together.

    If anything fails while they are written, `folder` stays as it was; if the moving itself is
    broken off, it holds no model: a folder is a saved model once the configuration is there, which
    leaves first and comes last.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=folder, prefix=".saving-"))
    try:
        yield new
        (folder / CONFIG_NAME).unlink(missing_ok=True)
        for path in sorted(new.iterdir(), key=lambda path: path.name == CONFIG_NAME):
            os.replace(path, folder / path.name)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def write(predictor, folder, metrics):
    """Writes the files of a model into a folder that nobody reads yet; see `save`."""
    _for_inference(predictor.model).save(folder / MODEL_NAME)
    assets = predictor.save_assets(folder)
    config = {"predictor": predictor.kind, "zoo_version": zoo.__version__, **assets}
    _write_json(folder / METRICS_NAME, metrics)
    _write_json(folder / CONFIG_NAME, config)


def _for_inference(model):
    """The same layers and weights without the optimizer's state, which is twice their size.

    Keras leaves it in the archive of any compiled model.
    """
    return keras.Model(model.input, model.output, name=model.name)


def _write_json(path, content):
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
