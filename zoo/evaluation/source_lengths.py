"""How translations fare as the source gets longer: groups of sentences, and curves over them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_WIDTH, _FEWEST = 5, 50


class Group(NamedTuple):
    """Texts of similar length.

    Attributes:
        least, most: words of the shortest and of the longest text that belongs here.
        places: list of the places of its texts among all.
    """

    least: int
    most: int
    places: list[int]


def groups(texts) -> list[Group]:
    """Texts by their number of words: 1 to 5, 6 to 10, and so on.

    A group of fewer than 50 texts, whose figure would be left to chance, is one with the next; the
    last, with the one before.

    Args:
        texts: strings; what stands between blanks is a word.
    """
    words = np.array([len(text.split()) for text in texts])
    found, least = [], 1
    for most in range(_WIDTH, max(words, default=0) + _WIDTH, _WIDTH):
        places = np.flatnonzero((least <= words) & (words <= most))
        if len(places) >= _FEWEST:
            found.append(Group(least, most, places.tolist()))
            least = most + 1
    rest = np.flatnonzero(words >= least).tolist()
    if rest and found:
        last = found.pop()
        return [*found, Group(last.least, int(words.max()), sorted(last.places + rest))]
    return [*found, Group(1, int(words.max()), rest)] if rest else found


def draw(curves, path: str | Path) -> None:
    """Draws BLEU over the length of the source, a curve for each model.

    Args:
        curves: dict of name -> list of dicts of `words` (mean length of a group), `bleu`, and
            `least` and `most` words, the same for all.
        path: of a PNG file.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, points in curves.items():
        axes.plot([p["words"] for p in points], [p["bleu"] for p in points], "o-", label=name)
    groups_of_all = next(iter(curves.values()))
    axes.set_xticks(
        [group["words"] for group in groups_of_all],
        [f"{group['least']}-{group['most']}" for group in groups_of_all],
    )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("words of the source")
    axes.set_ylabel("BLEU")
    axes.grid(axis="y", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, format="png", dpi=100)
