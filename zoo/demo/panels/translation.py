"""Texts to texts: the translations that a search finds, and where the decoder looks."""

import io
import math
from typing import Any

import gradio as gr

from zoo.demo import marks
from zoo.demo.panels.panel import Panel, require_text
from zoo.evaluation import figures

_MOST_TEXT = 1_000  # characters
_MOST_TOKENS = 120  # of a picture that can be read
_MOST_BEAMS = 10


class TranslatorPanel(Panel):
    """A text in; its translations with their probabilities, and the attention as a picture."""

    def body(self) -> None:
        """The input and the answer."""
        rows = [
            [name, text]
            for name in self.names
            for text in self.task.examples_for({"samples": [], **self.models.metrics(name)})
        ]
        first = [text for name, text in rows if name == self._first()]
        text = gr.Textbox(label="Text", lines=3, max_lines=12, value=next(iter(first), ""))
        if rows:
            gr.Examples(rows, [self.model, text], label="Examples")
        with gr.Row():
            beams = gr.Slider(
                1, _MOST_BEAMS, 5, step=1, label="Beams, translations that are tried side by side"
            )
            penalty = gr.Slider(
                0, 2, 1, step=0.1, label="Length penalty: 0 by probability, 1 by that per token"
            )
        button = gr.Button("Translate", variant="primary")
        asked = [self.model, text, beams, penalty]
        self.answers(button, self.translate, asked, [gr.HTML()])

    def translate(self, model: str, text: str, beams: float, length_penalty: float) -> str:
        """The translations of a text, as HTML."""
        text = require_text(text, most=_MOST_TEXT)
        predictor = self.models.load(model)
        (answer,) = predictor.predict(
            [text], beams=int(beams), n_best=int(beams), length_penalty=float(length_penalty)
        )
        best, found = answer["translation"], answer["hypotheses"]
        rows = [(h["text"], math.exp(min(h["log_probability"], 0)), h["score"]) for h in found]
        why = ": its tokens, or those of its translation, are less usual than of 99 of 100 texts"
        unlike = marks.unlike_training(answer, why)
        return (
            marks.box(f"<p><b>{marks.html.escape(best)}</b></p>", text=True)
            + marks.note(f"Exactly right with probability {answer['probability']:.3f}.")
            + unlike
            + marks.box(
                marks.table(
                    rows,
                    ("translation", "probability", "score"),
                    f"The best {len(rows)}, by their score: log P, over the length as the penalty "
                    "says",
                )
            )
            + _attention(predictor, text, best)
        )


def _attention(predictor: Any, text: str, translation: str) -> str:
    """Where the decoder looks while it writes a translation, as HTML."""
    if not predictor.attends:
        return marks.note("This model has no attention: there is no alignment to draw.")
    ((source, target, weights),) = predictor.alignments([text], [translation])
    if max(len(source), len(target)) > _MOST_TOKENS:
        return marks.note(f"The alignment is drawn of at most {_MOST_TOKENS} tokens.")
    file = io.BytesIO()
    figures.alignment(source, target, weights, file)
    strongest = ", ".join(
        f"{token} from {source[place]}"
        for token, place in zip(target, weights.argmax(axis=1), strict=True)
    )
    return marks.box(
        "<p><b>Where the decoder looks as it writes each token</b>: rows are written, columns "
        "read, black is all of its attention.</p>",
        marks.picture(
            file.getvalue(), f"Attention of each token that is written: {strongest}", wide=True
        ),
    )
