"""Saved models: a folder each, loaded by name or path without training code or network."""

import zoo.predictors.quiet  # isort: skip  # before whatever imports TensorFlow
import copyreg
import dataclasses
import io
import json
import os
import tempfile
import textwrap
import weakref
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

import zoo
import zoo.layers
from zoo.errors import UserError
from zoo.predictors import integrity
from zoo.predictors.calibration import Calibration
from zoo.predictors.catalogue import CONFIG_NAME, METRICS_NAME, find_model
from zoo.predictors.dna_classifier import DnaClassifier
from zoo.predictors.entity_tagger import EntityTagger
from zoo.predictors.folders import atomic_replace, passing_folder
from zoo.predictors.language_model import LanguageModel
from zoo.predictors.music_model import MusicModel
from zoo.predictors.speech_recognizer import SpeechRecognizer
from zoo.predictors.text_classifier import TextClassifier
from zoo.predictors.translator import Translator
from zoo.predictors.video_classifier import VideoClassifier

MODEL_NAME = "model.keras"

Predictor = (
    DnaClassifier
    | EntityTagger
    | LanguageModel
    | MusicModel
    | SpeechRecognizer
    | TextClassifier
    | Translator
    | VideoClassifier
)
PREDICTORS = {
    kind.kind: kind
    for kind in (
        TextClassifier,
        EntityTagger,
        LanguageModel,
        MusicModel,
        Translator,
        SpeechRecognizer,
        DnaClassifier,
        VideoClassifier,
    )
}


def load(preset: str | Path) -> Predictor:
    """Loads a saved model, by a name that `python -m zoo` lists or the folder that `save` wrote.

    Returns:
        A predictor (`zoo.predictors`): raw inputs in, labelled results out; the `keras.Model` is
        its attribute `model`.

    Raises:
        UserError: there is no such model, or it is damaged.
    """
    folder = find_model(preset)
    integrity.check_files(folder)
    config = _read_config(folder)
    try:
        integrity.check_archive(folder / MODEL_NAME)
        model = keras.saving.load_model(folder / MODEL_NAME, compile=False)
        predictor = PREDICTORS[config["predictor"]].load_assets(folder, config, model)
        predictor.calibration = Calibration(**config.get("calibration", {}))
        return predictor
    except UserError:
        raise
    except Exception as error:  # Keras, zip and HDF5 each have errors of their own for bad files
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        reason = textwrap.shorten(reason, 200, placeholder=" ...")
        raise UserError(
            f"{folder}: the saved model is damaged, incomplete or not to be trusted ({reason}): "
            "restore or retrain it"
        ) from error


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_NAME
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind = config["predictor"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            f"{path}: not the configuration of a saved model: restore it, or train the model again"
        ) from error
    if not isinstance(kind, str) or kind not in PREDICTORS:
        raise UserError(
            f"{path}: {kind!s:.60} is not a kind of model that this version of the zoo knows "
            f"({', '.join(PREDICTORS)}): update the zoo"
        )
    return config


def save(predictor: Predictor, folder: str | Path, metrics: dict[str, Any]) -> None:
    """Writes a model so that `load` finds all of it or, if interrupted, nothing.

    Args:
        predictor: one of `zoo.predictors`.
        folder: where to; other files there stay. The caller decides whether a model that is there
            may be overwritten.
        metrics: dict of what to remember of the training, written as JSON.
    """
    with atomic_replace(folder) as new:
        write(predictor, new, metrics)


def _pickled(predictor: Any) -> tuple:
    """A predictor as the files of its folder, for pickle; what training added is not among them."""
    with tempfile.TemporaryDirectory() as folder:
        write(predictor, Path(folder), {})
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    return _unpickled, (files,)


def _unpickled(files: dict[str, bytes]) -> Predictor:
    folder = tempfile.TemporaryDirectory()
    for name, content in files.items():
        (Path(folder.name) / name).write_bytes(content)
    predictor = load(folder.name)
    weakref.finalize(predictor, folder.cleanup)  # an export copies vocabularies from there
    return predictor


for _kind in PREDICTORS.values():
    copyreg.pickle(_kind, _pickled)


def write(predictor: Predictor, folder: Path, metrics: dict[str, Any]) -> None:
    """Writes the files of a model into a folder that nobody reads yet; see `save`."""
    _for_inference(predictor.model).save(folder / MODEL_NAME)
    assets = predictor.save_assets(folder)
    config = {"predictor": predictor.kind, "zoo_version": zoo.__version__, **assets}
    config["calibration"] = dataclasses.asdict(predictor.calibration)
    _write_json(folder / METRICS_NAME, metrics)
    _write_json(folder / CONFIG_NAME, config)


def _for_inference(model: keras.Model) -> keras.Model:
    """The same layers and weights without the optimizer's state, which is twice their size.

    Keras leaves it in the archive of any compiled model.
    """
    return keras.Model(model.input, model.output, name=model.name)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def halve_weights(archive: str | Path) -> None:
    """Rewrites the weights of a `.keras` file in half precision, for models that ship.

    It stays an archive that `keras.saving.load_model` reads, into variables of the precision that
    the model computes in. A weight too large for float16 is kept as it is. The file is replaced at
    once or, if anything fails, not at all.
    """
    archive = Path(archive)
    with passing_folder(archive.parent, ".saving-") as folder:
        new = folder / archive.name
        with zipfile.ZipFile(archive) as old, zipfile.ZipFile(new, "w") as halved:
            for member in old.infolist():
                content = old.read(member)
                if member.filename == integrity.WEIGHTS_NAME:
                    content = _halved(content)
                halved.writestr(member, content, zipfile.ZIP_DEFLATED)
        os.replace(new, archive)


def _halved(weights: bytes) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(weights)) as old, h5py.File(buffer, "w") as new:
        _copy_halved(old, new)
    return buffer.getvalue()


def _copy_halved(old: h5py.Group, new: h5py.Group) -> None:
    new.attrs.update(old.attrs)
    for name, item in old.items():
        if isinstance(item, h5py.Group):
            _copy_halved(item, new.create_group(name))
            continue
        value = item[()]
        if item.dtype == np.float32 and np.abs(value).max(initial=0) <= np.finfo(np.float16).max:
            value = value.astype(np.float16)
        new.create_dataset(name, data=value).attrs.update(item.attrs)
