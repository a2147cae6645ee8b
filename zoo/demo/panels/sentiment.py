"""Texts to labels: how probable each is, and which words speak for the answer."""

import gradio as gr
import numpy as np

from zoo.demo import marks
from zoo.demo.panels.panel import Panel, require_text

_STRONGEST = 8  # words told apart
_UNLIKE = ": more of its words are unknown than of 99 of 100 texts"


class TextClassifierPanel(Panel):
    """A text in; probabilities, and each word coloured by what it says for the label."""

    def body(self) -> None:
        """The input and the answer."""
        text = self.text_input()
        button = gr.Button("Classify", variant="primary")
        shown = gr.HTML()
        self.answers(button, self.classify, [self.model, text], [shown])

    def classify(self, model: str, text: str) -> str:
        """The answer to a text, as HTML."""
        from zoo.predictors import attribution

        text = require_text(text)
        predictor = self.models.load(model)
        (answer,), (row,) = predictor.predict([text]), predictor.probabilities([text])
        shares = dict(zip(predictor.label_names, map(float, row), strict=True))
        (words,) = attribution.word_attributions(predictor, [text])
        strongest = sorted(
            zip(words.tokens, words.gradient.tolist(), strict=True), key=lambda one: -abs(one[1])
        )[:_STRONGEST]
        scale = float(np.abs(words.gradient).max(initial=0)) or 1.0
        titles = [f"{value:+.3f}" for value in words.gradient]
        unlike = marks.unlike_training(answer, _UNLIKE)
        label = words.label
        return marks.box(
            marks.bars(shares, f"{label}, with probability {answer['probability']:.3f}"), unlike
        ) + marks.box(
            f"<p><b>Which words speak for “{marks.html.escape(label)}”</b>, orange, or against it, "
            "violet: gradient times input.</p>",
            marks.tinted(words.tokens, (words.gradient / scale).tolist(), titles, spaced=True),
            marks.table(strongest, ("word", "gradient times input"), "The strongest words"),
        )
