"""Scores as pictures, drawn without a display."""

from pathlib import Path
from typing import BinaryIO

from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from zoo.music.files import writing
from zoo.music.notes import SILENCE, pitch_name
from zoo.music.score import MOST_VOICES, VOICE_NAMES, Score

_COLOURS = ("#c1443c", "#e0a030", "#3a8f5c", "#2a6f97")  # as many as voices can be
_BAR_LINE = "#8a8f98"
_DOTS_PER_INCH = 100
_MOST_BEATS = 64  # more would be too small to see
_GAP = 0.08  # beats between a note and the next one


def draw(score: Score, path: str | Path | BinaryIO) -> None:
    """Draws the notes over time, a colour for each voice and a line for each bar.

    The score has four voices at most; of a long one the first 64 quarter notes are drawn. The file
    is PNG; a UserError if it cannot be written.
    """
    steps = _MOST_BEATS * score.steps_per_quarter
    is_cut = len(score) > steps
    shown = score.sliced(0, steps)
    sounding = shown.pitches[shown.pitches != SILENCE]
    lowest, highest = int(sounding.min(initial=60)), int(sounding.max(initial=60))
    size = (1.8 + 0.13 * max(shown.quarters, 24), 1.2 + 0.075 * (highest - lowest + 4))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    for voice in range(shown.voices):
        for start, stop, pitch in shown.notes(voice):
            beats = (start / shown.steps_per_quarter, (stop - start) / shown.steps_per_quarter)
            spans = [(beats[0], beats[1] - _GAP)]
            axes.broken_barh(spans, (pitch - 0.45, 0.9), facecolors=_COLOURS[voice], alpha=0.85)
    for bar in shown.bars():
        axes.axvline(bar.start / shown.steps_per_quarter, color=_BAR_LINE, linewidth=0.5, zorder=0)
    naturals = [p for p in range(lowest - 1, highest + 2) if p % 12 in (0, 4, 7)]
    axes.set_yticks(naturals, [pitch_name(pitch) for pitch in naturals], fontsize=8)
    axes.set_ylim(lowest - 1.5, highest + 1.5)
    axes.set_xlim(0, max(shown.quarters, 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("beats" + (f", the first {_MOST_BEATS}" if is_cut else ""))
    axes.set_title(", ".join(filter(None, (score.name, score.key))), loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    named = score.voices == MOST_VOICES and not score.ranked
    names = VOICE_NAMES if named else [f"Voice {voice + 1}" for voice in range(score.voices)]
    patches = [Patch(color=_COLOURS[voice], label=name) for voice, name in enumerate(names)]
    figure.legend(handles=patches, loc="outside right upper", frameon=False, fontsize=8)
    with writing(path) as file:
        figure.savefig(file, dpi=_DOTS_PER_INCH, format="png")
