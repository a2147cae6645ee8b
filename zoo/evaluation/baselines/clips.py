"""Simple models of clips: one frame alone, frames without their order, a path in its order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from zoo.evaluation.baselines.files import stored_arrays
from zoo.evaluation.baselines.models import KernelMachine, Regression, check_classes

GRID = 24  # rows and columns that frames are brought to
STEPS = 64  # that paths are brought to
_LEVELS = 16  # quantiles of a coordinate
_C = 100.0  # of the support vector machine


def _middle(clip: np.ndarray) -> np.ndarray:
    return _seen(clip[len(clip) // 2 : len(clip) // 2 + 1])[0]


def _bag(clip: np.ndarray) -> np.ndarray:
    """The mean and the brightest of all frames; of a path, how often which coordinates occur."""
    if clip.ndim == 2:
        return np.quantile(clip, np.linspace(0, 1, _LEVELS), axis=0)
    frames = _seen(clip)
    return np.stack([frames.mean(axis=0), frames.max(axis=0)])


def _in_order(clip: np.ndarray) -> np.ndarray:
    """A path in `STEPS` steps, from its mean."""
    if clip.ndim != 2:
        raise ValueError("A path must be (time, coordinates); these are frames.")
    moments = np.linspace(0, len(clip) - 1, STEPS)
    path = np.stack([np.interp(moments, np.arange(len(clip)), own) for own in clip.T], axis=1)
    return path - path.mean(axis=0)


def _seen(frames: np.ndarray) -> np.ndarray:
    """Frames of `GRID` x `GRID` pixels from 0 to 1, each the mean of what it covers; or points."""
    if frames.ndim == 2:
        return frames
    shrunk = frames / 255
    for axis in (1, 2):
        edges = np.arange(GRID) * frames.shape[axis] // GRID
        covered = np.maximum(np.diff(edges, append=frames.shape[axis]), 1)
        shape = [GRID if at == axis else 1 for at in range(shrunk.ndim)]
        shrunk = np.add.reduceat(shrunk, edges, axis=axis) / covered.reshape(shape)
    return shrunk


_View = Callable[[np.ndarray], np.ndarray]
_VIEWS: dict[str, tuple[_View, type[Regression] | type[KernelMachine]]] = {
    "one_frame": (_middle, Regression),
    "bag": (_bag, KernelMachine),
    "path": (_in_order, KernelMachine),
}
VIEWS = tuple(_VIEWS)
_WITHOUT_ORDER = ("one_frame", "bag")


class ClipBaseline:
    """A simple model of one view of clips. Use `fit` or `load`.

    - `one_frame`: logistic regression on the middle frame. No motion is seen.
    - `bag`: a support vector machine on the mean and the brightest of all frames, pixel by pixel,
      or on the quantiles of each coordinate of a path. No order is seen.
    - `path`: a support vector machine on the coordinates in their order, brought to 64 steps, each
      from the mean of the path.

    Frames are shrunk to 24 x 24 pixels first. The machines have scikit-learn's defaults but for C,
    which is 100: an RBF kernel whose width follows from the variance of the features.
    """

    def __init__(self, view: str, model: Any) -> None:
        self.view = view
        self._model = model

    @classmethod
    def fit(
        cls, clips: Sequence[np.ndarray], labels: np.ndarray, view: str = "bag"
    ) -> "ClipBaseline":
        """Fits the baseline.

        Args:
            clips: each (time, height, width, channels) uint8, or (time, coordinates) float.
            labels: (examples,) integers.
            view: one of `VIEWS`.

        Raises:
            UserError: all labels are one.
            ValueError: the view is unknown, or it is `path` and the clips are frames.
        """
        if view not in _VIEWS:
            raise ValueError(f"`view` must be one of {VIEWS}. Received: {view!r}")
        check_classes(labels)
        features, kind = _features(clips, view), _VIEWS[view][1]
        options = {"C": _C} if kind is KernelMachine else {}
        return cls(view, kind.fit(features, labels, **options))

    def predict(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """The label of each clip: (examples,) integers."""
        return self._model.predict(_features(clips, self.view))

    def accuracy(self, clips: Sequence[np.ndarray], labels: np.ndarray) -> float:
        """Share of clips whose label is predicted right."""
        return float(np.mean(self.predict(clips) == labels))

    def evaluate(self, examples: Any) -> dict[str, float]:
        """The accuracy on `zoo.datasets.video.LabelledClips`."""
        return {"accuracy": self.accuracy(examples.clips, examples.labels)}

    def save(self, path: str | Path) -> None:
        """Writes coefficients, or support vectors and their weights, without pickles."""
        np.savez_compressed(path, view=np.array(self.view), **self.arrays())

    def arrays(self) -> dict[str, Any]:
        """Coefficients, or support vectors and their weights, by name."""
        return {part.name: getattr(self._model, part.name) for part in fields(self._model)}

    @classmethod
    def load(cls, path: str | Path) -> "ClipBaseline":
        """What `save` wrote; a `UserError` if the file is missing or damaged."""
        with stored_arrays(path) as arrays:
            return cls.of_arrays(arrays["view"].item(), arrays)

    @classmethod
    def of_arrays(cls, view: str, arrays: Mapping[str, np.ndarray]) -> "ClipBaseline":
        """The baseline of a view whose `arrays` these are; an error if they do not fit."""
        kind = _VIEWS[view][1]
        model = kind(**{part.name: arrays[part.name] for part in fields(kind)})
        model.predict(np.zeros((1, _width(model))))
        return cls(view, model)


class ClipBaselines:
    """A `ClipBaseline` for each view that suits: `one_frame`, `bag`, and of coordinates `path`.

    What a network that sees the order has to beat is the better one of those that do not.
    """

    def __init__(self, baselines: dict[str, ClipBaseline]) -> None:
        self.baselines = baselines

    @classmethod
    def fit(cls, clips: Sequence[np.ndarray], labels: np.ndarray) -> "ClipBaselines":
        """Fits each; errors as of `ClipBaseline.fit`."""
        views = VIEWS if len(clips) and clips[0].ndim == 2 else _WITHOUT_ORDER
        return cls({view: ClipBaseline.fit(clips, labels, view) for view in views})

    def evaluate(self, examples: Any) -> dict[str, float]:
        """Of each view `…_accuracy`, and the best of those without order as `accuracy`."""
        of_view = {
            view: baseline.accuracy(examples.clips, examples.labels)
            for view, baseline in self.baselines.items()
        }
        best = max(of_view[view] for view in _WITHOUT_ORDER)
        return {"accuracy": best} | {f"{view}_accuracy": of_view[view] for view in of_view}

    def save(self, path: str | Path) -> None:
        """Writes all of them into one file, without pickles."""
        arrays: dict[str, Any] = {
            f"{view}.{name}": array
            for view, baseline in self.baselines.items()
            for name, array in baseline.arrays().items()
        }
        np.savez_compressed(path, views=list(self.baselines), **arrays)

    @classmethod
    def load(cls, path: str | Path) -> "ClipBaselines":
        """What `save` wrote; a `UserError` if the file is missing or damaged."""
        found = {}
        with stored_arrays(path) as arrays:
            for view in arrays["views"].tolist():
                own = [name for name in arrays if name.startswith(f"{view}.")]
                baseline = {name.removeprefix(f"{view}."): arrays[name] for name in own}
                found[view] = ClipBaseline.of_arrays(view, baseline)
        return cls(found)


def _features(clips: Sequence[np.ndarray], view: str) -> np.ndarray:
    """(examples, features) float64; no more than one clip is held at a time."""
    rows = [_VIEWS[view][0](clip).astype("float32").ravel() for clip in clips]
    return np.stack(rows).astype("float64")


def _width(model: Regression | KernelMachine) -> int:
    vectors = model.coefficients if isinstance(model, Regression) else model.support
    return vectors.shape[1]
