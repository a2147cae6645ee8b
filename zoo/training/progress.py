"""Progress on standard error; standard output belongs to results."""

import time
from typing import Any

import keras
from rich import progress
from rich.console import Console

from zoo.training import hosts


class Progress(keras.callbacks.Callback):
    """One line per epoch, and a bar while it runs if standard error is a terminal.

    The run's `early_stopping`, placed before this callback, tells which epoch is the best so far.
    """

    # Keras may then call the batch hooks from a thread, and training does not wait for them.
    async_safe = True

    def __init__(self, early_stopping: keras.callbacks.EarlyStopping) -> None:
        super().__init__()
        self._early_stopping = early_stopping
        self._console = Console(stderr=True, highlight=False, quiet=not hosts.is_first())
        self._bar: progress.Progress | None = None

    def say(self, line: str) -> None:
        """Prints one line of plain text."""
        self._console.print(line, markup=False, soft_wrap=not self._console.is_terminal)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._begun = time.monotonic()
        if self._console.is_terminal and not self._console.quiet:
            self._bar = progress.Progress(
                "epoch {task.fields[epoch]}",
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TimeRemainingColumn(),
                "loss {task.fields[loss]}",
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task(
                "", total=self.params["steps"], epoch=self._number(epoch), loss="-"
            )
            self._bar.start()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=batch + 1, loss=f"{logs['loss']:.4f}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.close()
        seconds = time.monotonic() - self._begun
        values = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
        best = "  best so far" if self._early_stopping.best_epoch == epoch else ""
        self._line = f"epoch {self._number(epoch)}  {seconds:.1f} s  {values}{best}"

    def announce(self) -> None:
        """Prints the line of the epoch that ended: once its checkpoint is kept, not before."""
        self.say(self._line)

    def close(self) -> None:
        """Takes the bar away, also when an epoch was broken off."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _number(self, epoch: int) -> str:
        return f"{epoch + 1}/{self.params['epochs']}"
