"""Recordings to texts: what was said, when, and what CTC hears at each moment."""

import io
import math
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from zoo import audio
from zoo.demo import marks
from zoo.demo.panels.panel import Panel
from zoo.errors import UserError

_LONGEST = 60  # seconds
_QUIET = 1e-3  # of full loudness, which nobody can hear
_N_BEST = 5


class SpeechPanel(Panel):
    """A recording in; its text, its words in time, and the letters over its spectrogram."""

    def body(self) -> None:
        """The input and the answer."""
        recording = gr.Audio(
            sources=["upload", "microphone"],
            type="filepath",
            buttons=[],  # none that shares it elsewhere
            label=f"Recording, at most {_LONGEST} seconds",
        )
        button = gr.Button("Transcribe", variant="primary")
        self.answers(button, self.transcribe, [self.model, recording], [gr.HTML()])

    def transcribe(self, model: str, recording: str | None) -> str:
        """What is said in a recording, as HTML."""
        if not recording:
            raise UserError("there is no recording: make one, or choose a file")
        predictor = self.models.load(model)
        content, name = Path(recording).read_bytes(), Path(recording).name
        waveform = audio.files.decode(content, name, predictor.features.rate, _LONGEST)
        if np.abs(waveform).max() < _QUIET:
            raise UserError("the recording is silent: look whether the microphone is on")
        (answer,) = predictor.predict([waveform], n_best=_N_BEST)
        words = [
            f"<mark>{marks.html.escape(w['word'])}<small>{w['start']:.2f}-{w['end']:.2f}</small></mark>"
            for w in answer["words"]
        ]
        others = [(h["text"], math.exp(min(h["log_probability"], 0))) for h in answer["hypotheses"]]
        table = marks.table(others, ("text", "probability"), f"The best {len(others)}")
        unlike = marks.unlike_training(
            answer, ": its letters are less probable than of 99 of 100 recordings"
        )
        said = marks.html.escape(answer["text"]) or "Nothing was heard."
        return (
            marks.box(f"<p><b>{said}</b></p>", text=True)
            + marks.note(
                f"Exactly right with probability {answer['probability']:.3f}; "
                f"{answer['seconds']:.1f} seconds."
            )
            + unlike
            + marks.box("<p><b>When each word is said</b>, in seconds:</p>", " ".join(words))
            + (marks.box(table) if len(others) > 1 else "")
            + _path(predictor, waveform, answer)
        )


def _path(predictor: Any, waveform: np.ndarray, answer: dict[str, Any]) -> str:
    """The recording, its spectrum and its letters over time, as HTML."""
    if predictor.head.name != "ctc":
        return marks.note("This model is none of CTC: it has no letter at each moment to draw.")
    file = io.BytesIO()
    predictor.draw(waveform, file)
    spoken = "; ".join(f"{w['word']} at {w['start']:.2f} s" for w in answer["words"]) or "no word"
    return marks.box(
        "<p><b>What CTC hears</b>: the waveform, the mel spectrum, and the probability of each "
        "letter; of a long recording the first half minute.</p>",
        marks.picture(
            file.getvalue(), f"Waveform, spectrum and letters over time: {spoken}", wide=True
        ),
    )
