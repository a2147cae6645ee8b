"""Writing as it streams, and how much each character of a text surprises a language model."""

import math
from collections.abc import Iterator
from typing import Any

import gradio as gr

from zoo.application.sampling import SamplingOptions
from zoo.demo import marks
from zoo.demo.panels.panel import Panel, parse_seed, require_text, seed_input

_BITS = 8  # of surprise, from which on the colour is the strongest
_MOST_SCORED = 4_000  # characters


class LanguageModelPanel(Panel):
    """A beginning in, a text that grows; and one's own text coloured by its surprise."""

    def body(self) -> None:
        """Two parts: writing and reading."""
        with gr.Tab("Write"):
            prompt = gr.Textbox(label="Beginning", value="KING HENRY.", lines=2, max_lines=6)
            with gr.Row():
                temperature = gr.Slider(0.1, 2.0, 0.8, step=0.05, label="Temperature")
                length = gr.Slider(50, 2_000, 500, step=50, label="Most tokens")
                seed = seed_input()
            with gr.Row():
                write = gr.Button("Write", variant="primary")
                stop = gr.Button("Stop")
            written = gr.HTML()
            asked = [self.model, prompt, temperature, length, seed]
            event = self.answers(write, self.write, asked, [written], "write")
            stop.click(None, cancels=[event], api_visibility="private")
        with gr.Tab("Read"):
            text = gr.Textbox(
                label="Your text",
                value="To be, or not to be, that is the answer.",
                lines=3,
                max_lines=12,
            )
            read = gr.Button("Colour by surprise", variant="primary")
            coloured = gr.HTML()
            self.answers(read, self.read, [self.model, text], [coloured], "read")

    def write(
        self, model: str, prompt: str, temperature: float, length: float, seed: str | None
    ) -> Iterator[str]:
        """A text that the model writes, longer each time."""
        chosen = SamplingOptions(temperature=temperature, seed=parse_seed(seed))
        settings: dict[str, Any] = chosen.settings()
        prompt = require_text(prompt, "beginning") if prompt else ""
        text = ""
        for piece in self.models.load(model).stream(prompt, length=int(length), **settings):
            text += piece
            yield marks.box(marks.html.escape(text), text=True)
        yield marks.box(marks.html.escape(text), text=True) + marks.note(
            f"Seed {settings['seed']}."
        )

    def read(self, model: str, text: str) -> str:
        """A text with each token coloured by -log2 of its probability."""
        text = require_text(text, most=_MOST_SCORED)
        predictor = self.models.load(model)
        (score,) = predictor.score([text])
        tokens = score["tokens"]
        bits = [-token["log_probability"] / math.log(2) for token in tokens]
        titles = [
            f"{b:.2f} bits, probability {t['probability']:.4f}"
            for b, t in zip(bits, tokens, strict=True)
        ]
        strengths = [b / _BITS for b in bits]
        mean = sum(bits) / len(bits)
        return marks.box(
            marks.tinted(
                [t["token"] for t in tokens], strengths, titles, spaced=predictor.level == "word"
            ),
            text=True,
        ) + marks.note(
            f"{mean:.2f} bits per {predictor.level} in the mean, perplexity "
            f"{score['perplexity']:.2f}. White: expected. Orange: a surprise, of {_BITS} bits or "
            "more where it is the strongest."
        )
