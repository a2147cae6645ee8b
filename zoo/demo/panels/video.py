"""Clips to labels: how probable each is, and how that comes about frame by frame."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from matplotlib import image

from zoo import video
from zoo.demo import marks
from zoo.demo.panels.panel import Panel
from zoo.errors import UserError
from zoo.evaluation.figures import timeline
from zoo.video.suffixes import SUFFIXES

_FRAMES, _STILL = 45, 4  # of a path, and of these before it begins to move
_MIDDLE = 0.5, 0.45
_SHOWN, _PIXELS = 9, 96  # frames that are shown, each so wide at least


def _zigzag(s: np.ndarray) -> np.ndarray:
    return 2 * np.abs(2 * ((2.5 * s) % 1) - 1) - 1


# x to the right and y downwards, from -1 to 1, at moments from 0 to 1; such as hands made them.
_PATHS: dict[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "circle": lambda s: (np.cos(2 * np.pi * s), -np.sin(2 * np.pi * s)),
    "arc": lambda s: (0.3 - np.sin(1.2 * np.pi * s), -np.cos(1.2 * np.pi * s)),
    "horizontal line": lambda s: (1 - 2 * s, 0 * s),
    "vertical line": lambda s: (0 * s, 1 - 2 * s),
    "horizontal swing": lambda s: (np.cos(3.5 * np.pi * s), -0.1 * np.cos(7 * np.pi * s)),
    "vertical swing": lambda s: (0.1 * np.cos(7 * np.pi * s), np.cos(3.5 * np.pi * s)),
    "horizontal zigzag": lambda s: (1 - 2 * s, 0.4 * _zigzag(s)),
    "horizontal wave": lambda s: (1 - 2 * s, 0.4 * np.cos(5 * np.pi * s)),
    "vertical wave": lambda s: (0.5 * np.cos(5 * np.pi * s), 1 - 2 * s),
    "face-up curve": lambda s: (np.cos(np.pi * s), 1.3 * np.sin(np.pi * s) - 0.5),
    "face-down curve": lambda s: (np.cos(np.pi * s), 0.5 - 1.3 * np.sin(np.pi * s)),
}


class VideoClassifierPanel(Panel):
    """A path to choose, or a file; probabilities, a timeline, and frames that the network saw."""

    def body(self) -> None:
        """Two parts: paths and files."""
        with gr.Tab("Path"):
            gr.Markdown(
                "The path of a spot, constructed and not filmed: it lies still for a moment, and "
                "then moves evenly to its end. The model that ships learnt from hands which began "
                "on the right or below; it errs more where a path is turned or mirrored."
            )
            with gr.Row():
                path = gr.Dropdown([*_PATHS], value="circle", label="Path")
                size = gr.Slider(0.05, 0.45, 0.26, step=0.01, label="Size, a part of the picture")
                turn = gr.Slider(-180, 180, 0, step=5, label="Turned by degrees, clockwise")
                mirror = gr.Checkbox(label="Mirrored, left for right")
            button = gr.Button("Classify the path", variant="primary")
            shown = gr.HTML()
            self.answers(
                button, self.follow, [self.model, path, size, turn, mirror], [shown], "path"
            )
        with gr.Tab("File"):
            file = gr.File(
                label=f"Video: {', '.join(SUFFIXES)}", file_types=[*SUFFIXES], type="filepath"
            )
            button = gr.Button("Classify the file", variant="primary")
            shown = gr.HTML()
            self.answers(button, self.watch, [self.model, file], [shown], "file")

    def follow(self, model: str, path: str, size: float, turn: float, mirror: bool) -> str:
        """The answer to a path of `_PATHS`, as HTML."""
        predictor = self.models.load(model)
        points = points_of(path, size, turn, mirror)
        if predictor.coordinates == points.shape[-1]:
            return self._answer(predictor, points, video.draw(points))
        if predictor.coordinates is not None:
            raise UserError(
                f"this model reads {predictor.coordinates} coordinates, and no pictures"
            )
        clip = video.draw(points, max(predictor.sampling.size))
        return self._answer(predictor, clip, clip)

    def watch(self, model: str, file: str | None) -> str:
        """The answer to a file, as HTML."""
        predictor = self.models.load(model)
        if not file:
            raise UserError("there is no file: choose one first")
        if predictor.coordinates is not None:
            raise UserError("this model reads coordinates, and no files: choose a path, or another")
        path = Path(file)
        clip = video.decode(path.read_bytes(), f"the file {path.name}", predictor.sampling)
        return self._answer(predictor, clip, clip)

    def _answer(self, predictor: Any, clip: np.ndarray, frames: np.ndarray) -> str:
        (answer,), (row,) = predictor.predict([clip]), predictor.probabilities([clip])
        seen, probabilities = predictor.timeline(clip)
        names, label = predictor.label_names, answer["label"]
        ranked = {names[i]: float(row[i]) for i in np.argsort(-row, kind="stable")}
        first = int(seen[probabilities.argmax(axis=1) != row.argmax()].max(initial=0))
        since = (
            f"{label} is the most probable label after frame {first}"
            if first
            else f"{label} is the most probable label from the first frame on"
        )
        unlike = marks.unlike_training(answer, f": a clip of {len(clip):,} frames")
        places = np.unique(np.linspace(0, len(frames) - 1, _SHOWN).round().astype(int))
        numbers = ", ".join(str(place + 1) for place in places)
        return marks.box(
            marks.bars(ranked, f"{label}, with probability {answer['probability']:.3f}"), unlike
        ) + marks.box(
            f"<p><b>If the clip ended after so many frames</b>: {marks.html.escape(since)}.</p>",
            marks.drawing(
                lambda file: timeline(seen, probabilities, names, file),
                f"Probabilities of labels over the frames seen; {since}, at last {row.max():.3f}.",
                wide=True,
            ),
            f"<p><b>What the network saw</b>: frames {numbers} of {len(frames):,}.</p>",
            marks.picture(
                _strip(frames[places]), f"{len(places)} frames beside each other, first to last."
            ),
        )


def points_of(path: str, size: float, turn: float, mirror: bool) -> np.ndarray:
    """The points of a path of `_PATHS`: (45, 2) float32, x and y from 0 to 1."""
    if path not in _PATHS:
        raise UserError(f"'{path}' is no path: choose one of {', '.join(_PATHS)}")
    moments = np.clip((np.arange(_FRAMES) - _STILL) / (_FRAMES - 1 - _STILL), 0, 1)
    points = np.stack(_PATHS[path](moments), axis=1) * [-1 if mirror else 1, 1]
    angle = np.deg2rad(turn)
    turned = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return (np.array(_MIDDLE) + size * points @ turned).astype("float32")


def _strip(frames: np.ndarray) -> bytes:
    """Frames (frames, height, width, 1 or 3) beside each other, as a PNG."""
    larger = max(1, -(-_PIXELS // frames.shape[2]))
    frames = frames.repeat(larger, axis=1).repeat(larger, axis=2)
    frames = np.pad(frames, ((0, 0), (0, 0), (2, 2), (0, 0)), constant_values=160)
    joined = np.concatenate([*np.broadcast_to(frames, (*frames.shape[:3], 3))], axis=1)
    file = io.BytesIO()
    image.imsave(file, joined, format="png")
    return file.getvalue()
