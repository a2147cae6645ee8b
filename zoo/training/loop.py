"""Training: `keras.Model.fit` with early stopping, checkpoints, resume and logs around it."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import keras

from zoo import evaluation  # whose pictures load matplotlib, when one is drawn
from zoo.errors import UserError
from zoo.training import checkpoints, hosts, logs
from zoo.training.callbacks import (
    AveragedWeights,
    EarlyStopping,
    EpochSeed,
    FiniteLoss,
    RunCallbacks,
)
from zoo.training.optimizer import ClippedAdam, inner_optimizer
from zoo.training.progress import Progress
from zoo.training.replicas import uneven_batches_allowed

CURVES_NAME = "learning_curves.png"


class EpochBatches(Protocol):
    """What `fit` trains on: the batches of each epoch, equally many."""

    def __len__(self) -> int: ...

    def dataset(self, epoch: int) -> Any:
        """A `tf.data.Dataset` of the batches, their order a function of the epoch and a seed."""


def fit(
    model: keras.Model,
    train_batches: EpochBatches,
    validation_data: Any = None,
    *,
    epochs: int,
    seed: int,
    run_folder: str | Path,
    patience: int | None = None,
    monitor: str = "val_loss",
    mode: str = "auto",
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.callbacks.History:
    """Trains `model`, leaves it with the weights of its best epoch, and keeps a record.

    `run_folder` receives `checkpoint.npz` after each epoch, `history.csv`, `tensorboard/` and, at
    the end, `learning_curves.png`. A resumed run ends with the same weights as an unbroken one:
    the checkpoint restores what the model carries, and each epoch seeds the global generators of
    Python, NumPy and PyTorch from (seed, epoch). It cannot restore the state of the caller's
    own callbacks (prefer a learning rate schedule to `ReduceLROnPlateau`), nor of `tf.random`
    operations inside the model (draw with `keras.random` and a `SeedGenerator`).

    With `ClippedAdam(use_ema=True, ema_momentum=decay)` what is validated and kept are the moving
    averages of the weights.

    Mixed precision: `keras.config.set_dtype_policy("mixed_bfloat16")` or `"mixed_float16"` before
    the model is built; losses and norms are computed in float32. Several GPUs: build and compile
    the model under `tf.distribute.MirroredStrategy().scope()`; batches are split over the GPUs. On
    JAX call `fit` too in the scope of a `keras.distribution.DataParallel`, over the devices of one
    host or of several (`zoo.training.hosts`), of which the first alone writes. On
    several GPUs prefer bfloat16: with float16 Keras looks at the first GPU's gradients alone to
    decide whether a step has to be skipped.

    Args:
        model: a compiled `keras.Model`, built under `keras.utils.set_random_seed` for a run that
            can be repeated.
        train_batches: `len(train_batches)` is the number of batches of every epoch, and
            `train_batches.dataset(epoch)` a `tf.data.Dataset` of them, the order a function of
            the epoch and a seed alone.
        validation_data: what `Model.fit` takes under this name, or None. Keras warns at the end of
            a `tf.data.Dataset` of unknown cardinality.
        epochs: number of epochs in all, those before a resume included.
        seed: integer seed of the run, at least 0.
        run_folder: folder of the run; made if missing.
        patience: epochs without improvement after which training stops, at least 1; None never
            stops early.
        monitor: the metric that chooses the best epoch; "loss" where nothing is validated.
        mode: "min", "max", or "auto" if Keras can tell from the metric.
        resume: continue from the checkpoint in `run_folder`.
        callbacks: further Keras callbacks. They run first, so that values they add to `logs` at
            the end of an epoch can be monitored and are recorded.

    Returns:
        The `keras.callbacks.History` of all epochs, also those before a resume.

    Raises:
        UserError: if the loss is NaN or infinite, the monitored metric is missing, there is
            nothing to resume, the settings are not those of the run, an unfinished run would be
            overwritten, the folder cannot be made, or a number is out of range.
        Interrupted: on Control-C; the checkpoint of the last finished epoch is kept.
        ValueError: for arguments that contradict each other, or a model that is not compiled.
    """
    _check_model(model, resume)
    if epochs < 1:
        raise UserError(f"epochs is {epochs}; it must be at least 1")
    if patience is not None and patience < 1:
        raise UserError(f"patience is {patience}; it must be at least 1 epoch")
    if not 0 <= seed < 2**32:
        raise UserError(f"seed is {seed}; it must be at least 0 and below 2**32")
    if validation_data is None and monitor.startswith("val_"):
        raise ValueError(f"monitor is {monitor!r} but there is no validation_data")
    run_folder = Path(run_folder)
    settings = checkpoints.settings_of(
        model, seed=seed, batches_per_epoch=len(train_batches), monitor=monitor
    )
    state = None
    if resume:
        state = hosts.from_first(lambda: _resumable_state(run_folder, settings))
    else:
        hosts.on_first(lambda: _make_fresh_folder(run_folder))
    early_stopping = EarlyStopping(monitor, mode, patience)
    if inner_optimizer(model).use_ema:
        callbacks = (*callbacks, AveragedWeights(in_model=state is not None))
    run = _Run(model, run_folder, settings, epochs, train_batches, early_stopping, callbacks)
    try:
        run.begin(state)
        with uneven_batches_allowed(model, train_batches.dataset(0)):
            while not run.over:
                run.fit_epoch(validation_data)
                run.record_epoch()
        run.end()
    except KeyboardInterrupt as interrupt:
        kept = checkpoints.load(run_folder) if hosts.is_first() else None
        finished_epochs = kept.finished_epochs if kept else 0
        raise checkpoints.Interrupted(run_folder, finished_epochs) from interrupt
    finally:
        run.close()
    return run.history


def _check_model(model: keras.Model, resume: bool) -> None:
    if not model.compiled:
        raise ValueError("compile the model before fit")
    optimizer = inner_optimizer(model)
    if optimizer.use_ema and not isinstance(optimizer, ClippedAdam):
        # Model.fit puts the averages into the model when it ends: here, after every epoch.
        raise ValueError("use_ema needs ClippedAdam: else the averages would replace the weights")
    if resume and not model.built:
        raise ValueError("build the model before resuming, for example by calling it on a batch")


def _resumable_state(run_folder: str | Path, settings: dict[str, Any]) -> checkpoints.TrainingState:
    """The checkpoint in `run_folder`, if it is of a run with these settings."""
    state = checkpoints.load(run_folder)
    if state is None:
        raise UserError(
            f"there is no {checkpoints.FILE_NAME} in {run_folder} to resume from: "
            "start the run without resuming"
        )
    checkpoints.check_same_settings(state.settings, settings)
    return state


def _make_fresh_folder(run_folder: Path) -> None:
    """Makes the folder of a new run, or clears it of a run that had come to its end."""
    state = checkpoints.load(run_folder)
    if state is not None:
        if not state.complete:
            raise UserError(
                f"{run_folder} holds an unfinished run, {state.finished_epochs} epoch(s) long: "
                f"resume it, choose another folder, or remove {checkpoints.FILE_NAME} there"
            )
        for name in (checkpoints.FILE_NAME, logs.CSV_NAME, CURVES_NAME):
            (run_folder / name).unlink(missing_ok=True)
        shutil.rmtree(run_folder / logs.EVENTS_FOLDER, ignore_errors=True)
    try:
        run_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{run_folder} cannot be made a folder: {error.strerror}") from error


@dataclasses.dataclass
class _Run:
    """One training: its callbacks, its record, and how far it has come."""

    model: keras.Model
    folder: Path
    settings: dict[str, Any]
    epochs: int
    batches: EpochBatches
    early_stopping: EarlyStopping
    further_callbacks: Sequence[keras.callbacks.Callback]

    def __post_init__(self) -> None:
        self.history = keras.callbacks.History()
        self.progress = Progress(self.early_stopping)
        self.events = logs.EventLog(self.folder / logs.EVENTS_FOLDER)
        self.epoch_seed = EpochSeed(self.settings["seed"])
        before = (self.epoch_seed, FiniteLoss(self.folder), *self.further_callbacks)
        every = [*before, self.early_stopping, self.progress, self.history]
        length = {"epochs": self.epochs, "steps": len(self.batches)}
        self.callbacks = RunCallbacks(every, model=self.model, **length)

    @property
    def finished_epochs(self) -> int:
        return len(self.history.epoch)

    @property
    def over(self) -> bool:
        stopped = self.early_stopping.exhausted or self.model.stop_training
        return stopped or self.finished_epochs >= self.epochs

    def begin(self, state: checkpoints.TrainingState | None) -> None:
        """Starts at the first epoch, or after those of `state`."""
        self.model.stop_training = False
        if state is None:
            self.callbacks.begin()
            return
        checkpoints.restore(self.model, state)
        self.callbacks.begin()
        self.early_stopping.restore(state)
        self.history.history = state.history
        self.history.epoch = list(range(state.finished_epochs))
        if self.over:
            self.progress.say(f"training had already ended, after epoch {self.finished_epochs}")

    def fit_epoch(self, validation_data: Any) -> None:
        """Trains for one epoch and validates."""
        epoch = self.finished_epochs
        self.epoch_seed.on_epoch_begin(epoch)  # for the dataset; Keras does it for the model
        self.model.fit(
            self.batches.dataset(epoch),
            validation_data=validation_data,
            initial_epoch=epoch,
            epochs=epoch + 1,
            # A bucketed dataset does not know its own length, and Keras warns at its end.
            steps_per_epoch=len(self.batches),
            shuffle=False,
            callbacks=self.callbacks,
            verbose=0,
        )

    def record_epoch(self) -> None:
        """Writes the checkpoint, then the logs: they never tell of an epoch that is not kept."""
        if not hosts.is_first():
            return
        history = self.history.history
        so_far = (history, self.over, self.settings)
        checkpoints.save(checkpoints.capture(self.model, self.early_stopping, *so_far), self.folder)
        self.progress.announce()
        logs.write_csv(history, self.folder / logs.CSV_NAME)
        last = {name: values[-1] for name, values in history.items()}
        self.events.write(self.finished_epochs, last)

    def end(self) -> None:
        """Puts the best weights into the model and draws the learning curves."""
        self.callbacks.end()
        if not hosts.is_first():
            return
        best = self.early_stopping.best_epoch
        evaluation.figures.learning_curves(self.history.history, self.folder / CURVES_NAME, best)
        self.progress.say(f"the model has the weights of epoch {best + 1}, its best")

    def close(self) -> None:
        self.progress.close()
        self.events.close()
