"""A recording and what a network hears in it, above each other over time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from matplotlib.figure import Figure

from zoo.audio.features import Features, features_of

_WAVE, _MUTED = "#2a6f97", "#8a8f98"
_DOTS_PER_INCH = 150
_INCHES_PER_SECOND, _LEAST_INCHES, _MOST_INCHES = 2.5, 6.0, 30.0
_MOST_SECONDS = 60.0


def transcription(
    waveform: np.ndarray,
    rate: int,
    probabilities: np.ndarray,
    seconds_per_step: float,
    symbols: Sequence[str],
    words: Sequence[Mapping[str, Any]],
    path: str | Path | BinaryIO,
) -> None:
    """Draws the waveform, its mel spectrum, and the probability of each symbol over time, as PNG.

    Args:
        waveform: (samples,) float32; what follows its first minute is left out.
        rate: samples a second.
        probabilities: (steps, symbols), that of the blank first.
        seconds_per_step: from one step to the next.
        symbols: how each is written.
        words: dicts of `word`, `start` and `end` in seconds, written above the waveform.
        path: of the file, or one that is open.
    """
    seconds = min(len(waveform) / rate, _MOST_SECONDS)
    waveform = waveform[: int(seconds * rate)]
    probabilities = probabilities[: int(np.ceil(seconds / seconds_per_step)) + 1]
    width = float(np.clip(seconds * _INCHES_PER_SECOND, _LEAST_INCHES, _MOST_INCHES))
    figure = Figure(figsize=(width, 6.5), layout="constrained")
    sound, spectrum, letters = figure.subplots(3, 1, sharex=True, height_ratios=(1, 2, 2))
    sound.plot(np.arange(len(waveform)) / rate, waveform, color=_WAVE, linewidth=0.4)
    sound.set_ylabel("amplitude")
    for word in words:
        if word["start"] <= seconds:
            sound.axvspan(word["start"], word["end"], color=_MUTED, alpha=0.2, linewidth=0)
            place = (word["start"], 1.02)
            sound.annotate(word["word"], place, xycoords=("data", "axes fraction"), fontsize=9)
    hop = max(rate // 100, 1)
    settings = Features(kind="log_mel", rate=rate, bands=40, window=4 * hop, hop=hop)
    mel = features_of([waveform], settings)[0]
    extent = (0.0, max(len(mel), 1) * hop / rate, 0.0, float(settings.bands))
    shown = mel.T if len(mel) else np.zeros((settings.bands, 1))
    spectrum.imshow(shown, origin="lower", aspect="auto", extent=extent, cmap="magma")
    spectrum.set_ylabel("mel band")
    times = np.arange(len(probabilities)) * seconds_per_step
    for i in _most_probable(probabilities):
        letters.plot(times, probabilities[:, i], linewidth=1.2)
        _name(letters, symbols[i], times, probabilities[:, i])
    letters.plot(times, probabilities[:, 0], color=_MUTED, linewidth=0.8, linestyle=":")
    letters.set_ylabel("probability")
    letters.set_xlabel("seconds (dotted: the blank)")
    letters.set_ylim(0, 1.15)
    letters.set_xlim(0, max(seconds, seconds_per_step))
    figure.savefig(path, format="png", dpi=_DOTS_PER_INCH)


def _most_probable(probabilities: np.ndarray) -> list[int]:
    """The symbols that are the most probable of their step somewhere, the blank left out."""
    return sorted({*probabilities.argmax(axis=1).tolist()} - {0})


def _name(axes: Any, symbol: str, times: np.ndarray, curve: np.ndarray) -> None:
    """Writes a symbol above each of its peaks."""
    above = np.concatenate([[False], curve > 0.5, [False]])
    starts, ends = (np.flatnonzero(np.diff(above.astype(int)) == way) for way in (1, -1))
    for start, end in zip(starts, ends, strict=True):
        peak = start + int(curve[start:end].argmax())
        axes.text(times[peak], curve[peak] + 0.03, symbol, ha="center", fontsize=9)
