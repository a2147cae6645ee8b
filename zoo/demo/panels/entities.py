"""Texts to entities, highlighted where they stand."""

import gradio as gr

from zoo.demo import marks
from zoo.demo.panels.panel import Panel, require_text
from zoo.evaluation import highlights

_UNLIKE = ": more of its words are unknown than of 99 of 100 texts"


class EntityPanel(Panel):
    """A text in; its entities as marks and as a table."""

    def body(self) -> None:
        """The input and the answer."""
        text = self.text_input()
        button = gr.Button("Find entities", variant="primary")
        shown = gr.HTML()
        self.answers(button, self.find, [self.model, text], [shown])

    def find(self, model: str, text: str) -> str:
        """The entities of a text, as HTML."""
        text = require_text(text)
        (found,) = self.models.load(model).predict([text])
        entities = found["entities"]
        rows = [(e["text"], e["type"], e["probability"]) for e in entities]
        unlike = marks.unlike_training(found, _UNLIKE)
        told = (
            marks.table(rows, ("entity", "type", "probability"), f"{len(rows):,} found")
            if rows
            else marks.note("No entity was found.")
        )
        return marks.box(highlights.marked(text, entities), text=True) + marks.box(told, unlike)
