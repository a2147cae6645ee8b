"""One file per run that holds everything the rest of a training depends on.

`checkpoint.npz` is written after each epoch, first beside its place and then renamed, so that an
interrupt at any moment leaves either the old one or the new one. It holds the weights, the state
of every `keras.random.SeedGenerator` (dropout), the optimizer's state, the history, the state of
early stopping with the best weights, and the settings that must be the same for a resumed run to
end where an unbroken one would have ended.

Keras' `BackupAndRestore` and `save_weights` know nothing of the seed generators or of the best
weights so far. The file is a NumPy archive without pickled objects: opening one runs no code.
"""

import dataclasses
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.cells.typing import Tensor
from zoo.errors import UserError
from zoo.training.replicas import scope_of

FILE_NAME = "checkpoint.npz"


class Interrupted(Exception):
    """Control-C during training. The last finished epoch can be resumed.

    Attributes:
        run_folder: folder of the run, a `pathlib.Path`.
        finished_epochs: how many epochs the checkpoint in that folder holds; with 0 there is none.
    """

    def __init__(self, run_folder: str | Path, finished_epochs: int) -> None:
        self.run_folder = Path(run_folder)
        self.finished_epochs = finished_epochs
        kept = (
            f"the checkpoint in {run_folder} holds {finished_epochs} finished epoch(s); "
            "resume to go on from there"
            if finished_epochs
            else "no epoch was finished, so there is nothing to resume"
        )
        super().__init__(f"training was interrupted: {kept}")


@dataclasses.dataclass
class TrainingState:
    """What a checkpoint holds.

    Attributes:
        variables: the values of `model.variables`: weights and seed generators.
        optimizer_variables: the values of `model.optimizer.variables`.
        best_weights: the values of `model.weights` after the best epoch.
        best: the monitored value after the best epoch.
        best_epoch: that epoch, counted from 0.
        wait: how many epochs have passed since.
        history: one list per metric, one value per finished epoch.
        complete: whether the run was over: all epochs done, or stopped early.
        settings: what `settings_of` gave when the run was begun.
    """

    variables: list[np.ndarray]
    optimizer_variables: list[np.ndarray]
    best_weights: list[np.ndarray]
    best: float
    best_epoch: int
    wait: int
    history: dict[str, list[float]]
    complete: bool
    settings: dict[str, Any]

    @property
    def finished_epochs(self) -> int:
        return len(next(iter(self.history.values())))


_ARRAYS = ("variables", "optimizer_variables", "best_weights")


def capture(
    model: keras.Model,
    early_stopping: keras.callbacks.EarlyStopping,
    history: dict[str, list[float]],
    complete: bool,
    settings: dict[str, Any],
) -> TrainingState:
    """The state of a training at the end of an epoch, the model trained by `Model.fit`."""
    return TrainingState(
        variables=[_to_array(v) for v in model.variables],
        optimizer_variables=[_to_array(v) for v in model.optimizer.variables],
        best_weights=[_to_array(w) for w in early_stopping.best_weights],
        best=float(early_stopping.best),
        best_epoch=early_stopping.best_epoch,
        wait=early_stopping.wait,
        history=history,
        complete=complete,
        settings=settings,
    )


def _to_array(value: Tensor) -> np.ndarray:
    array = ops.convert_to_numpy(value)
    # NumPy's file format has no bfloat16; float32 holds every bfloat16 exactly.
    return array.astype("float32") if array.dtype.name == "bfloat16" else array


def restore(model: keras.Model, state: TrainingState) -> None:
    """Gives a model and its optimizer the values in `state`; a UserError if these do not fit."""
    if not model.optimizer.built:
        with scope_of(model):
            model.optimizer.build(model.trainable_variables)
    for variables, values in (
        (model.variables, state.variables),
        (model.optimizer.variables, state.optimizer_variables),
    ):
        if [tuple(v.shape) for v in variables] != [v.shape for v in values]:
            raise UserError(
                "the checkpoint is of a model with other weights: resume with the settings the "
                "run was begun with, or start a new run in another folder"
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def save(state: TrainingState, run_folder: str | Path) -> None:
    """Replaces the checkpoint in `run_folder` by `state`, all of it or nothing."""
    path = Path(run_folder) / FILE_NAME
    metadata = vars(state).copy()
    lists = {name: metadata.pop(name) for name in _ARRAYS}
    arrays = {f"{name}/{i}": array for name in _ARRAYS for i, array in enumerate(lists[name])}
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            np.savez(file, metadata=json.dumps(metadata, default=float), **arrays)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load(run_folder: str | Path) -> TrainingState | None:
    """The state in a run's checkpoint, None without one; a UserError if the file is another."""
    path = Path(run_folder) / FILE_NAME
    try:
        with np.load(path, allow_pickle=False) as archive:
            metadata: dict[str, Any] = json.loads(archive["metadata"].item())
            arrays: dict[str, Any] = {name: [] for name in _ARRAYS}
            for key in archive:  # in the order in which they were written
                if key != "metadata":
                    arrays[key.partition("/")[0]].append(archive[key])
            return TrainingState(**arrays, **metadata)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is not a checkpoint of this program: remove it and start the run again"
        ) from error


def settings_of(
    model: keras.Model, *, seed: int, batches_per_epoch: int, monitor: str
) -> dict[str, Any]:
    """What must be the same for a resumed run to continue the same training, as plain JSON.

    The model's layers, the optimizer, the loss, the metrics, the seed, the number of batches and
    the monitored metric. A subclassed model without `get_config` is known by its weights alone.
    """
    try:
        layers = keras.saving.serialize_keras_object(model.get_config())
    except NotImplementedError:
        layers = None
    compiled = model.get_compile_config()
    parts = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")
    settings = {
        "seed": seed,
        "batches per epoch": batches_per_epoch,
        "monitor": monitor,
        "model": layers,
        "weights": [[w.name, list(w.shape), w.dtype] for w in model.weights],
        **{name: compiled.get(name) for name in parts},
    }
    return _canonical(json.loads(json.dumps(settings)))


def _canonical(config: Any) -> Any:
    """`config` without what differs between two builds of the same model.

    That is the counter in Keras' automatic names ("dense_1" in the next model of a process) and
    the digits of a learning rate beyond float32.
    """
    if isinstance(config, dict):
        return {key: _canonical(value) for key, value in config.items()}
    if isinstance(config, list):
        return [_canonical(value) for value in config]
    if isinstance(config, float):
        return float(f"{config:.7g}")
    return re.sub(r"_\d+$", "", config) if isinstance(config, str) else config


def check_same_settings(begun: Any, now: Any) -> None:
    """Refuses, by a UserError that names the first difference, to resume with other settings."""
    if difference := _first_difference(begun, now):
        where, before, after = difference
        raise UserError(
            f"the run was begun with {where} = {before}, not {after}: resume with the same "
            "settings, or start a new run in another folder"
        )


def _first_difference(
    begun: Any, now: Any, where: tuple[str, ...] = ()
) -> tuple[str, str, str] | None:
    """(path, value, value) of the first leaf in which two JSON values differ, else None."""
    if isinstance(begun, dict) and isinstance(now, dict) and begun.keys() == now.keys():
        pairs = ((key, begun[key], now[key]) for key in begun)
    elif isinstance(begun, list) and isinstance(now, list) and len(begun) == len(now):
        pairs = ((index, *pair) for index, pair in enumerate(zip(begun, now, strict=True)))
    else:
        name = ".".join(key for key in where if key != "config")
        return None if begun == now else (name, _short(begun), _short(now))
    differences = (_first_difference(a, b, (*where, str(key))) for key, a, b in pairs)
    return next(filter(None, differences), None)


def _short(value: Any, limit: int = 60) -> str:
    text = json.dumps(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
