"""What callers hand over as recordings, and long ones in parts."""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np

from zoo.audio import files

_LONGEST = 30.0  # seconds of a part
_SEARCHED = 10.0  # of its end, where it is cut
_LOUDEST = 100.0  # of floats that are a waveform, if one that is cut at 1
_WINDOW = 0.2  # seconds, whose loudness is that of a place


def waveforms_of(recordings: Iterable[Any], rate: int) -> list[np.ndarray]:
    """The recordings of a call, each (samples,) float32 from -1 to 1.

    Args:
        recordings: a list of paths or of waveforms, (samples,) float or int16.
        rate: samples a second of the waveforms; files are resampled to it.

    Raises:
        TypeError: they are something else.
        UserError: a file cannot be read.
    """
    single = isinstance(recordings, str | bytes | Path | Mapping | Set)
    if single or not isinstance(recordings, Iterable) or getattr(recordings, "ndim", 1) == 0:
        kind = type(recordings).__name__
        raise TypeError(f"give a list of paths or of waveforms, not a {kind}")
    if isinstance(recordings, np.ndarray) and recordings.ndim == 1 and recordings.dtype != object:
        raise TypeError("give a list of waveforms, not one of them: [waveform]")
    return [_waveform(i, item, rate) for i, item in enumerate(recordings)]


def _waveform(index: int, item: Any, rate: int) -> np.ndarray:
    if isinstance(item, str | Path):
        return files.read(item, rate)
    try:
        array = np.asarray(item)
    except (TypeError, ValueError):
        array = np.empty((), object)
    if array.ndim != 1 or array.dtype.kind not in "fi" or array.dtype.itemsize == 1:
        raise TypeError(
            f"give paths or waveforms: item {index} is of the type {type(item).__name__} and the "
            f"shape {array.shape}, where a waveform is (samples,), float from -1 to 1 or int16"
        )
    if array.dtype.kind == "i":
        if len(array) and not -files.SCALE <= array.min() <= array.max() < files.SCALE:
            raise TypeError(f"give int16: item {index} has integers of more than 16 bits")
        return (array / files.SCALE).astype("float32")
    if not np.isfinite(array).all():
        raise TypeError(f"give finite numbers: item {index} has others")
    if len(array) and np.abs(array).max() > _LOUDEST:
        raise TypeError(
            f"give floats from -1 to 1: item {index} reaches {np.abs(array).max():,.0f}; divide 16 "
            "bits by 32,768, or give int16"
        )
    return np.clip(array, -1, 1).astype("float32")


def parts(waveform: np.ndarray, rate: int) -> list[tuple[int, np.ndarray]]:
    """A recording in parts of at most half a minute, with the sample where each begins.

    A part ends at the quietest place of its last ten seconds. So a recording of an hour takes the
    memory of a minute; a word that is cut in two is lost.
    """
    longest, start, found = int(_LONGEST * rate), 0, []
    while len(waveform) - start > longest:
        end = start + longest
        end -= _quietest(waveform[end - int(_SEARCHED * rate) : end], int(_WINDOW * rate))
        found.append((start, waveform[start:end]))
        start = end
    return [*found, (start, waveform[start:])]


def _quietest(waveform: np.ndarray, window: int) -> int:
    """How many samples before the end of a waveform the middle of its quietest window is."""
    energy = np.cumsum(np.concatenate([[0.0], np.square(waveform, dtype="float64")]))
    quiet = energy[window:] - energy[:-window]
    # The last of equals, so that silence makes long parts.
    place = len(quiet) - 1 - int(np.argmin(quiet[::-1]))
    return len(waveform) - place - window // 2


def joined(found: Sequence[tuple[float, dict[str, Any]]]) -> dict[str, Any]:
    """What is found of a recording, from its parts, each with the second where it begins.

    Of the parts the best hypotheses are joined; a recording of one part keeps all.
    """
    if len(found) == 1:
        return found[0][1]
    best = [one["hypotheses"][0] for _, one in found]
    letters = [max(len(hypothesis["text"]), 1) for hypothesis in best]
    total = sum(hypothesis["log_probability"] for hypothesis in best)
    text = " ".join(hypothesis["text"] for hypothesis in best if hypothesis["text"])
    words = [
        word | {name: round(word[name] + start, 3) for name in ("start", "end")}
        for start, one in found
        for word in one["words"]
    ]
    return {
        "hypotheses": [{"text": text, "log_probability": total}],
        "words": words,
        "of_letter": math.exp(min(total, 0.0) / sum(letters)),
    }
