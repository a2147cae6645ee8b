"""The callbacks that every training has, on top of Keras' own."""

import math
import random
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.errors import UserError
from zoo.training.checkpoints import TrainingState
from zoo.training.optimizer import inner_optimizer


class RunCallbacks(keras.callbacks.CallbackList):
    """Callbacks that see one training, although `Model.fit` is called once per epoch.

    `Model.fit` tells its callbacks that training begins and ends, and Keras' callbacks then start
    afresh. Here only `begin` and `end` say so.
    """

    begin = keras.callbacks.CallbackList.on_train_begin
    end = keras.callbacks.CallbackList.on_train_end

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """An epoch's call of `fit`, not the training, begins."""

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """An epoch's call of `fit`, not the training, ends."""


class EpochSeed(keras.callbacks.Callback):
    """Makes what is drawn from a global generator a function of the seed and the epoch.

    A resumed run then draws what an unbroken one would have drawn, also if Keras has drawn before
    it, while it traced the model.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        # TensorFlow combines its global seed with those of `tf.data`. It is set once only, because
        # setting it throws away all compiled kernels.
        keras.utils.set_random_seed(self._seed)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        (seed,) = np.random.SeedSequence((self._seed, epoch)).generate_state(1).tolist()
        random.seed(seed)
        np.random.seed(seed)
        if keras.backend.backend() == "torch":  # where Keras' dropout has no state of its own
            import torch

            torch.manual_seed(seed)


class AveragedWeights(keras.callbacks.Callback):
    """Has the moving averages of the weights in the model from an epoch's validation to the next.

    So they are what is validated and kept, and training goes on from the weights themselves.

    Args:
        in_model: whether they are in the model already, as in one that was restored.
    """

    def __init__(self, in_model: bool) -> None:
        super().__init__()
        self._in_model = in_model

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._put(False)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._put(True)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._put(True)  # where nothing was validated

    def _put(self, in_model: bool) -> None:
        if in_model != self._in_model:
            inner_optimizer(self.model).swap_averages()
            self._in_model = in_model


class FiniteLoss(keras.callbacks.Callback):
    """Raises `UserError` as soon as the loss of a step or of the validation is NaN or infinite.

    Keras' `TerminateOnNaN` ends the epoch as if it were a good one, so that its weights would be
    validated and saved.
    """

    # Keras may then call the batch hook from a thread, and training does not wait for the loss.
    async_safe = True

    def __init__(self, run_folder: str | Path) -> None:
        super().__init__()
        self._run_folder = run_folder

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._check("loss", logs["loss"], f"batch {batch + 1} of epoch {self._epoch + 1}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for name in ("loss", "val_loss"):
            if name in logs:
                self._check(name, logs[name], f"epoch {epoch + 1}")

    def _check(self, name: str, value: float, when: str) -> None:
        if math.isfinite(value):
            return
        kept = f"; the checkpoint of epoch {self._epoch} in {self._run_folder} is kept"
        raise UserError(
            f"{name} became {value} in {when}: train again with a lower learning rate or a smaller "
            f"gradient norm{kept if self._epoch else ''}"
        )


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras' `EarlyStopping` that keeps the best weights and can be taken up again.

    It raises `UserError` at the end of an epoch that has no such metric, or has NaN for it, which
    Keras would keep as the best value for ever. A patience of None never stops.
    """

    def __init__(self, monitor: str, mode: str, patience: int | None) -> None:
        epochs = math.inf if patience is None else patience
        super().__init__(monitor, mode=mode, patience=epochs, restore_best_weights=True)

    def restore(self, state: TrainingState) -> None:
        """Takes over the best epoch and the patience spent."""
        self.best, self.best_epoch = state.best, state.best_epoch
        self.best_weights, self.wait = state.best_weights, state.wait

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.wait >= self.patience

    def get_monitor_value(self, logs: dict[str, Any]) -> float:
        if self.monitor not in logs:
            raise UserError(
                f"there is no metric {self.monitor!r} to choose the best epoch by; "
                f"this training has {', '.join(logs)}"
            )
        value = logs[self.monitor]
        if math.isnan(value):
            raise UserError(f"{self.monitor} is NaN, so the best epoch cannot be chosen by it")
        return value
