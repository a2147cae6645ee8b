"""Pictures of attention: which tokens of a source each token of a target was written with."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_INCHES_PER_TOKEN, _LEAST_INCHES, _MOST_INCHES = 0.3, 2.5, 30


def draw(source: list[str], target: list[str], weights, path: str | Path) -> None:
    """Draws the weights of attention as a picture, a row for each token of the target.

    Args:
        source, target: tokens.
        weights: (target tokens, source tokens), from 0 (white) to 1 (black).
        path: of a PNG file.
    """
    width, height = (
        min(_MOST_INCHES, max(_LEAST_INCHES, 1.2 + _INCHES_PER_TOKEN * len(tokens)))
        for tokens in (source, target)
    )
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(source)), source, rotation=90)
    axes.set_yticks(range(len(target)), target)
    axes.xaxis.tick_top()
    figure.savefig(path, format="png", dpi=100)
