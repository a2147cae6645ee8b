"""Pictures of a training and of what it led to, drawn without a display as PNG files."""

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

Destination: TypeAlias = str | Path | BinaryIO
"""Where a picture is written: the path of a file, or a file that is open."""

_Place: TypeAlias = tuple[float, float, float, float]
_TRAIN, _VALIDATION, _MUTED = "#2a6f97", "#e07a1f", "#8a8f98"
_DOTS_PER_INCH = 120
_MOST_LABELS = 30
_FEW_POINTS = 30  # of a curve get marks
_INCHES_PER_TOKEN, _LEAST_INCHES, _MOST_INCHES = 0.3, 2.5, 30
_INCHES_PER_STEP, _INCHES_PER_UNIT = 0.2, 0.09  # of a map of numbers


class Curve(NamedTuple):
    """A named curve; those of one name have one colour, in all panels of a picture.

    Attributes:
        name: for the legend.
        x, y: (points,); where y is not finite there is a gap.
        style: solid, or as matplotlib has it.
    """

    name: str
    x: ArrayLike
    y: ArrayLike
    style: str = "-"


class HeatMap(NamedTuple):
    """Numbers as colours.

    Attributes:
        title: above them.
        values: (rows, steps).
        rows: the names of the rows.
        share: whether they are from 0, white, to 1, black; if not, they are orange above 0 and
            violet below, as strong as 1, or as the largest of them where that is more.
    """

    title: str
    values: np.ndarray
    rows: Sequence[str]
    share: bool


class Panel(NamedTuple):
    """Curves in one frame; `logarithmic` and `limits`, if given, are of the vertical axis."""

    title: str
    x_label: str
    y_label: str
    curves: Sequence[Curve]
    logarithmic: bool = False
    limits: tuple[float, float] | None = None


def save_figure(figure: Figure, path: Destination, dots_per_inch: int = _DOTS_PER_INCH) -> None:
    """Writes a PNG file; of letters that the font does not have, nothing is said."""
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        figure.savefig(path, format="png", dpi=dots_per_inch)


def learning_curves(
    history: Mapping[str, Sequence[float]], path: str | Path, best_epoch: int | None = None
) -> None:
    """Draws each metric over the epochs, training and validation in one panel.

    Args:
        history: one list per metric, one value per epoch, as in
            `keras.callbacks.History.history`; names of validation metrics begin with `val_`.
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
    save_figure(figure, path)


def _draw_metric(
    axes: Axes, name: str, history: Mapping[str, Sequence[float]], best_epoch: int | None
) -> None:
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
    _tidy(axes)
    axes.legend(frameon=False, fontsize=8)


def _tidy(axes: Axes) -> None:
    """Leaves of the frame what helps to read values off."""
    axes.grid(axis="y", color=_MUTED, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def panels(contents: Sequence[Panel], path: Destination, columns: int = 2) -> None:
    """Draws panels of curves, so many beside each other, with one legend for all."""
    rows = math.ceil(len(contents) / columns)
    columns = min(columns, len(contents))
    figure = Figure(figsize=(1.9 + 4.2 * columns, 3.2 * rows), layout="constrained")
    names = list(dict.fromkeys(curve.name for panel in contents for curve in panel.curves))
    lines: dict[str, Any] = {}
    frames = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, panel in zip(frames, contents, strict=False):
        for curve in panel.curves:
            y = np.asarray(curve.y, float)
            y = np.where(np.isfinite(y) & ((y > 0) | (not panel.logarithmic)), y, np.nan)
            colour = f"C{names.index(curve.name) % 10}"
            mark = "." if len(y) < _FEW_POINTS else None
            (line,) = axes.plot(curve.x, y, curve.style, color=colour, marker=mark, linewidth=1.2)
            if curve.name not in lines or curve.style == "-":
                lines[curve.name] = line
        axes.set_yscale("log" if panel.logarithmic else "linear")
        axes.set(xlabel=panel.x_label, ylabel=panel.y_label, ylim=panel.limits)
        axes.set_title(panel.title, loc="left", fontsize=10)
        _tidy(axes)
    for axes in frames[len(contents) :]:
        axes.set_axis_off()
    figure.legend(lines.values(), lines, loc="outside right upper", frameon=False, fontsize=8)
    save_figure(figure, path)


def confusion_matrix(
    matrix: Sequence[Sequence[int]], label_names: Sequence[str], path: str | Path
) -> None:
    """Draws counts of true against predicted labels; the colour is the share of the true label.

    The matrix, (labels, labels), has a row for each true label, in the order of the names, and a
    column for each predicted one; else it is a ValueError. Of many labels those are drawn that are
    confused most, with each other or any other.
    """
    counts, size = np.asarray(matrix), len(label_names)
    if counts.shape != (size, size):
        raise ValueError(f"a matrix of shape {counts.shape} for {size} label names")
    totals = counts.sum(axis=1, keepdims=True)
    if size > _MOST_LABELS:
        wrong = counts.sum(axis=0) + totals[:, 0] - 2 * counts.diagonal()
        chosen = np.sort(np.argsort(-wrong, kind="stable")[:_MOST_LABELS])
        counts, totals = counts[np.ix_(chosen, chosen)], totals[chosen]
        label_names = [label_names[i] for i in chosen]
    shares = counts / np.maximum(totals, 1)  # an absent label has a row of zeros
    side = 2.0 + 0.45 * max(len(label_names), 4)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(
        range(len(label_names)), label_names, rotation=45, ha="right", rotation_mode="anchor"
    )
    axes.set_yticks(range(len(label_names)), label_names)
    if size > len(label_names):
        axes.set_title(f"the {len(label_names)} of {size} labels that are confused most")
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.spines[:].set_visible(False)
    for row, column in np.argwhere(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        place = (column, row, str(counts[row, column]))
        axes.text(*place, ha="center", va="center", fontsize=8, color=colour)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format="{x:.0%}")
    bar.outline.set_visible(False)
    bar.set_label("share of the true label")
    save_figure(figure, path)


def reliability(rows: Sequence[Mapping[str, Any]], path: str | Path) -> None:
    """Draws how often answers are right over their probability; on the diagonal they are true.

    The rows are those of `zoo.evaluation.calibration.calibration_metrics`; the larger a mark, the
    more answers.
    """
    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=_MUTED, linestyle=":", zorder=0)
    probabilities, right = ([row[name] for row in rows] for name in ("probability", "right"))
    total = sum(row["answers"] for row in rows)
    sizes = [20 + 400 * row["answers"] / total for row in rows]
    axes.plot(probabilities, right, color=_TRAIN)
    axes.scatter(probabilities, right, s=sizes, color=_TRAIN)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability", ylabel="share that is right")
    _tidy(axes)
    save_figure(figure, path, 100)


def alignment(
    source: Sequence[str], target: Sequence[str], weights: np.ndarray, path: Destination
) -> None:
    """Draws the weights of attention, (target tokens, source tokens): 0 is white, 1 is black."""
    width, height = (
        min(_MOST_INCHES, max(_LEAST_INCHES, 1.2 + _INCHES_PER_TOKEN * len(tokens)))
        for tokens in (source, target)
    )
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(source)), source, rotation=90)
    axes.set_yticks(range(len(target)), target)
    axes.xaxis.tick_top()
    save_figure(figure, path, 100)


def heat_maps(maps: Sequence[HeatMap], tokens: Sequence[str], path: Destination) -> None:
    """Draws maps below each other, one at least, over the same tokens: one for each step."""
    # Placed by hand: to let matplotlib find the places takes four times as long.
    inside = min(_MOST_INCHES, max(2 * _LEAST_INCHES, _INCHES_PER_STEP * len(tokens)))
    width = inside + 1.2
    heights = [_INCHES_PER_UNIT * len(one.values) for one in maps]
    names = 0.2 + 0.08 * max(map(len, tokens), default=0)  # inches, upright
    height = names + sum(heights) + 0.35 * len(maps)
    figure = Figure(figsize=(width, height))
    top = height
    for one, high in zip(maps, heights, strict=True):
        top -= 0.35 + high
        place = (0.5 / width, top / height, inside / width, high / height)
        axes, bar = (figure.add_axes(at) for at in (place, _bar_beside(place)))
        most = max(1.0, float(np.abs(one.values).max(initial=0)))
        range_of = {"vmin": 0, "vmax": 1} if one.share else {"vmin": -most, "vmax": most}
        colours = "Greys" if one.share else "PuOr_r"
        image = axes.imshow(one.values, cmap=colours, aspect="auto", **range_of)
        figure.colorbar(
            image, cax=bar, ticks=[range_of["vmin"], range_of["vmax"]], format="{x:.2g}"
        )
        bar.tick_params(labelsize=6)
        axes.set_title(one.title, loc="left", fontsize=9)
        axes.set_yticks(range(len(one.rows)), one.rows, fontsize=6)
        axes.set_xticks([])
    axes.set_xticks(range(len(tokens)), tokens, rotation=90, fontsize=8, parse_math=False)
    save_figure(figure, path)


def _bar_beside(place: _Place) -> _Place:
    """Where the scale of colours of a map stands: left, bottom, width, height."""
    left, bottom, width, height = place
    return left + 1.02 * width, bottom, 0.02 * width, height


def timeline(
    frames: Sequence[int],
    probabilities: np.ndarray,
    label_names: Sequence[str],
    path: Destination,
    most: int = 5,
) -> None:
    """Draws what a classifier says of a clip as it goes on.

    Args:
        frames: (moments,), how many frames it has seen at each moment.
        probabilities: (moments, labels).
        label_names: in the order of the columns.
        path: of the PNG file, or a file.
        most: so many labels are drawn, those that are the most probable at any moment.
    """
    chosen = np.argsort(-probabilities.max(axis=0), kind="stable")[:most]
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for label in sorted(chosen, key=lambda label: -probabilities[-1, label]):
        axes.plot(frames, probabilities[:, label], marker=".", label=label_names[label])
    axes.set(ylim=(0, 1.02), xlabel="frames seen", ylabel="probability")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _tidy(axes)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    save_figure(figure, path)


def bleu_by_source_length(
    curves: Mapping[str, Sequence[Mapping[str, Any]]], path: str | Path
) -> None:
    """Draws BLEU over the length of the source, a curve for each model.

    By the name of a model, a curve is what `zoo.evaluation.translation` gives as
    `by_source_length`; the lengths are the same for all.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, points in curves.items():
        axes.plot([p["words"] for p in points], [p["bleu"] for p in points], "o-", label=name)
    lengths = next(iter(curves.values()))
    ranges = [f"{length['least']}-{length['most']}" for length in lengths]
    axes.set_xticks([length["words"] for length in lengths], ranges)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("words of the source")
    axes.set_ylabel("BLEU")
    _tidy(axes)
    axes.legend(frameon=False)
    save_figure(figure, path, 100)
