"""The record of a run: a table for people and programs, event files for TensorBoard."""

import csv
from pathlib import Path
from typing import Any

CSV_NAME = "history.csv"
EVENTS_FOLDER = "tensorboard"


def write_csv(history: dict[str, list[float]], path: str | Path) -> None:
    """Writes one row per epoch, counted from 1, and one column per metric.

    The whole table is written each time, to a file beside it that then takes its place. Keras'
    `CSVLogger` appends rows: a run killed between its row and its checkpoint would have that
    epoch twice after resuming.
    """
    path = Path(path)
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        for epoch, values in enumerate(zip(*history.values(), strict=True), start=1):
            writer.writerow([epoch, *values])
    partial.replace(path)


class EventLog:
    """Writes the metrics of each epoch where `tensorboard --logdir` finds them.

    The curves of training and validation carry the same name in two folders, so that TensorBoard
    draws them in one chart. Keras' `TensorBoard` callback does the same, but needs the tensorboard
    package for writing; this needs it for looking only.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._writers: dict[str, Any] = {}

    def write(self, epoch: int, metrics: dict[str, float]) -> None:
        """Adds the values of one epoch; names of validation metrics begin with `val_`."""
        import tensorflow as tf

        summary = tf.compat.v1.SummaryMetadata
        scalar = summary(plugin_data=summary.PluginData(plugin_name="scalars"))
        for name, value in metrics.items():
            part = "validation" if name.startswith("val_") else "train"
            if part not in self._writers:
                self._writers[part] = tf.summary.create_file_writer(str(self._folder / part))
            with self._writers[part].as_default():
                tag = f"epoch_{name.removeprefix('val_')}"
                tf.summary.write(tag, tf.cast(value, tf.float32), step=epoch, metadata=scalar)
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}
