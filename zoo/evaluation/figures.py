"""Figures of a training, drawn without a display."""

import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_TRAIN, _VALIDATION, _MUTED = "#2a6f97", "#e07a1f", "#8a8f98"
_DOTS_PER_INCH = 120


def learning_curves(history, path, best_epoch=None):
    """Draws each metric over the epochs, training and validation in one panel.

    Args:
        history: one list per metric, one value per epoch, as in
            `keras.callbacks.History.history`; names of validation metrics begin with `val_`.
        path: the PNG file to write.
        best_epoch: the epoch, counted from 0, whose weights were kept; None marks none.
    """
    names = list(dict.fromkeys(name.removeprefix("val_") for name in history))
    columns = min(len(names), 3)
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(0.6 + 4.0 * columns, 3.0 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for name, axes in zip(names, panels, strict=False):
        _draw_metric(axes, name, history, best_epoch)
    for axes in list(panels):
        axes.set_axis_off()
    figure.savefig(Path(path), dpi=_DOTS_PER_INCH)


def _draw_metric(axes, name, history, best_epoch):
    curves = (("training", name, _TRAIN), ("validation", f"val_{name}", _VALIDATION))
    for label, key, colour in curves:
        if key in history:
            epochs = np.arange(1, len(history[key]) + 1)
            axes.plot(epochs, history[key], color=colour, label=label, marker="o", markersize=3)
    if best_epoch is not None:
        axes.axvline(best_epoch + 1, color=_MUTED, linestyle=":", label="best epoch", zorder=0)
    axes.set_title(name.replace("_", " "), loc="left", fontsize=11)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=_MUTED, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


def confusion_matrix(matrix, label_names, path):
    """Draws counts of true against predicted labels; the colour is the share of the true label.

    Args:
        matrix: counts, (labels, labels): row the true label, column the predicted one.
        label_names: names of the labels, in the order of the rows.
        path: the PNG file to write.

    Raises:
        ValueError: if the matrix is not square or has not one row per name.
    """
    matrix = np.asarray(matrix)
    size = len(label_names)
    if matrix.shape != (size, size):
        raise ValueError(f"a matrix of shape {matrix.shape} for {size} label names")
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)  # an absent label has a row of zeros
    side = 2.0 + 0.45 * max(size, 4)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(size), label_names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), label_names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.spines[:].set_visible(False)
    for row, column in zip(*np.nonzero(matrix), strict=True):
        axes.text(
            column,
            row,
            f"{matrix[row, column]}",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if shares[row, column] > 0.5 else "black",
        )
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format="{x:.0%}")
    bar.outline.set_visible(False)
    bar.set_label("share of the true label")
    figure.savefig(Path(path), dpi=_DOTS_PER_INCH)
