"""Sequences of nucleotides to labels, and which letters speak for the answer."""

from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

from zoo import genomics
from zoo.demo import marks
from zoo.demo.panels.panel import Panel, require_text
from zoo.evaluation.logos import Logo, sequence_logos

_BEGINNINGS = (">", "@")  # of FASTA and FASTQ
_STRONGEST = 8  # letters told apart


class DnaClassifierPanel(Panel):
    """A sequence in; probabilities, and its letters as high as they matter."""

    def body(self) -> None:
        """The input and the answer."""
        sequence = self.text_input("Sequence, or the text of a FASTA file")
        button = gr.Button("Classify", variant="primary")
        shown = gr.HTML()
        self.answers(button, self.classify, [self.model, sequence], [shown])

    def classify(self, model: str, text: str) -> Iterator[str]:
        """The answer to a sequence, as HTML: the probabilities, and then the letters besides."""
        sequence, read = _sequence(require_text(text, "sequence"))
        predictor = self.models.load(model)
        (answer,), (row,) = predictor.predict([sequence]), predictor.probabilities([sequence])
        shares = dict(zip(predictor.label_names, map(float, row), strict=True))
        label = answer["label"]
        unlike = marks.unlike_training(answer, _lengths(predictor))
        caption = f"{label}, with probability {answer['probability']:.3f}"
        told = marks.box(marks.bars(shares, caption), marks.note(read), unlike)
        yield told
        yield told + self._explained(model, sequence, label)

    def _explained(self, model: str, sequence: str, label: str) -> str:
        """Which letters speak for a label, as HTML."""
        from zoo.predictors import attribution

        letters = genomics.normalized(sequence)
        if len(letters) > attribution.LONGEST:
            return marks.note(
                f"Which letters speak for it is shown of {attribution.LONGEST} at most, and these "
                f"are {len(letters):,}: cut out what matters."
            )
        with self.models.alone(model) as predictor:
            (found,) = attribution.attributions(predictor, [letters], [label])
        kinds = {"gradient times input": found.gradient, "in-silico mutation": found.importance}
        logos = [Logo(f"{label}, by {kind}", letters, heights) for kind, heights in kinds.items()]
        strongest = np.argsort(-np.abs(found.importance), kind="stable")[:_STRONGEST]
        rows = [
            (f"{letters[i]} {i + 1}", *(float(heights[i]) for heights in kinds.values()))
            for i in strongest
        ]
        words = (
            f"Sequence logos of {len(letters)} letters: the higher, the more it speaks for {label}"
        )
        best = ", ".join(f"{letters[i]} {i + 1}" for i in strongest[:3])
        return marks.box(
            f"<p><b>Which letters speak for “{marks.html.escape(label)}”</b>, or, below the line, "
            "against it.</p>",
            marks.drawing(
                lambda file: sequence_logos(logos, file), f"{words}; most matter {best}.", wide=True
            ),
            marks.table(rows, ("letter, place", *kinds), "The strongest letters"),
        )


def _sequence(text: str) -> tuple[str, str]:
    """The letters of a text, and what of it was read; a UserError if it is none of nucleotides."""
    if not text.lstrip().startswith(_BEGINNINGS):
        letters = genomics.normalized(text)
        return letters, f"{len(letters):,} letters were read."
    records = genomics.decode(text.encode(), "the text")
    name = f"the record '{records[0].name:.30}'"
    letters = genomics.normalized(records[0].sequence, name)
    more = f", the first of {len(records):,}" if len(records) > 1 else ""
    return letters, f"{len(letters):,} letters of {name}{more} were read."


def _lengths(predictor: Any) -> str:
    if predictor.lengths is None:
        return ""
    least, most = predictor.lengths
    between = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f", whose sequences have {between} letters"
