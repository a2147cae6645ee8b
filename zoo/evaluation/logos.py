"""Sequence logos: letters as high as they matter, drawn without a display as a PNG file.

After Schneider & Stephens (1990), "Sequence logos: a new way to display consensus sequences"; here
of one sequence, as Shrikumar, Greenside & Kundaje (2017), "Learning important features through
propagating activation differences", draw what a network sees in it.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D
from numpy.typing import ArrayLike

from zoo.evaluation.figures import Destination, save_figure

_COLOURS = {"A": "#2b8a3e", "C": "#2a6f97", "G": "#e0a01f", "T": "#c92a2a"}
_OTHER = "#8a8f98"
_FONT = FontProperties(family="DejaVu Sans", weight="bold")
_WIDTH = 0.92  # of a letter, where 1 is from one to the next
_LETTERS_A_ROW = 100
_INCHES_A_LETTER, _INCHES_A_ROW = 0.16, 1.5


class Logo(NamedTuple):
    """A sequence whose letters are drawn as high as these numbers, below the line if negative."""

    title: str
    sequence: str
    heights: ArrayLike


def sequence_logos(logos: Sequence[Logo], path: Destination) -> None:
    """Draws sequences below each other; a long one goes on in the next row.

    Places are counted from 1. Each logo has a scale of its own. A ValueError says that a sequence
    has another number of letters than heights, or that there is nothing to draw.
    """
    rows = [row for logo in logos for row in _rows(logo)]
    if not rows:
        raise ValueError("there is no sequence to draw")
    longest = max(len(logo.sequence) for logo, _, _ in rows)
    width = 1.2 + _INCHES_A_LETTER * max(longest, 20)
    figure = Figure(figsize=(width, _INCHES_A_ROW * len(rows)), layout="constrained")
    for axes, (logo, first, scale) in zip(
        figure.subplots(len(rows), squeeze=False).flat, rows, strict=True
    ):
        _draw(axes, logo, first, scale, max(longest, 20))
    save_figure(figure, path)


def _rows(logo: Logo) -> list[tuple[Logo, int, tuple[float, float]]]:
    """The parts of a logo, each with the place of its first letter and the range of all."""
    heights = np.asarray(logo.heights, float)
    if heights.shape != (len(logo.sequence),):
        raise ValueError(f"heights of the shape {heights.shape} for {len(logo.sequence)} letters")
    scale = min(heights.min(initial=0), 0.0), max(heights.max(initial=0), 0.0)
    found = []
    for start in range(0, len(logo.sequence), _LETTERS_A_ROW):
        part = slice(start, start + _LETTERS_A_ROW)
        title = logo.title if start == 0 else ""
        found.append((Logo(title, logo.sequence[part], heights[part]), start + 1, scale))
    return found


def _draw(axes: Axes, logo: Logo, first: int, scale: tuple[float, float], width: int) -> None:
    for i, (letter, height) in enumerate(
        zip(logo.sequence, np.asarray(logo.heights), strict=True), first
    ):
        outline, (left, bottom, right, top) = _outline(letter)
        place = (
            Affine2D()
            .translate(-(left + right) / 2, -bottom)
            .scale(_WIDTH / (right - left), float(height) / (top - bottom))
            .translate(i, 0)
        )
        colour = _COLOURS.get(letter, _OTHER)
        axes.add_patch(PathPatch(place.transform_path(outline), facecolor=colour, linewidth=0))
    axes.axhline(0, color=_OTHER, linewidth=0.6)
    low, high = scale
    margin = 0.05 * (high - low) or 1.0  # of nothing but zeros
    axes.set(xlim=(first - 0.5, first + width - 0.5), ylim=(low - margin, high + margin))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=20))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3))
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    if logo.title:
        axes.set_title(logo.title, loc="left", fontsize=9)


@functools.cache
def _outline(letter: str) -> tuple[TextPath, tuple[float, float, float, float]]:
    """A letter as a path, and what it fills: left, bottom, right, top."""
    outline = TextPath((0, 0), letter, size=1, prop=_FONT)
    return outline, outline.get_extents().extents
