"""Two cells at work on one sentence: their gates and states over time."""

import functools
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from zoo.cells import CELLS
from zoo.demo import marks
from zoo.demo.models import Models
from zoo.demo.panels.panel import Panel, require_text
from zoo.errors import UserError
from zoo.evaluation.figures import HeatMap, heat_maps

_KINDS = ("text_classifier", "language_model", "translator", "entity_tagger")  # which read texts
_MODEL = "model "  # before the name of a model, in the value of a choice
_UNITS, _WIDTH, _SEED = 24, 32, 1  # of a cell that is not trained, and of the vectors it reads
_SHOWN = 16  # units
_MOST_CHARACTERS, _MOST_STEPS = 2_000, 60
_LONGEST = 16  # characters of a token that are shown
_NO_GATES = ("candidate", "activation")  # of those blocks that cells call their gates
_SENTENCE = "The film, which my friends had warned me about, was not bad at all."


class Topic(NamedTuple):
    """What a tab is about that is no task's."""

    name: str
    summary: str


class _Read(NamedTuple):
    """Steps, by their tokens, and the cell that reads them."""

    title: str
    source: str
    tokens: list[str]
    steps: np.ndarray
    cell: Any  # `RecurrentCell`, which takes long to load


class CellsPanel(Panel):
    """Two cells and a sentence in; a picture of the gates and states of each.

    Args:
        models: the saved models of the page.
    """

    def __init__(self, models: Models) -> None:
        told = "Two cells read one sentence: how open their gates are, and what they remember."
        super().__init__(Topic("cells", told), models)

    def body(self) -> None:
        """The input and the answer."""
        trained = [name for kind in _KINDS for name in self.models.of_kind(kind)]
        choices = [(f"{name}, trained", _MODEL + name) for name in trained]
        choices += [(f"{cell}, untrained", cell) for cell in CELLS]
        with gr.Row():
            first = gr.Dropdown(choices, value=choices[0][1], label="First cell", min_width=300)
            second = gr.Dropdown(choices, value="gru", label="Second cell", min_width=300)
        text = gr.Textbox(label="Sentence", value=_SENTENCE, lines=2, max_lines=6)
        button = gr.Button("Compare", variant="primary")
        shown = gr.HTML()
        self.answers(button, self.compare, [first, second, text], [shown], "compare")

    def compare(self, first: str, second: str, text: str) -> str:
        """What two cells make of a sentence, as HTML."""
        text = require_text(text, "sentence", _MOST_CHARACTERS)
        read = [self._read(choice, text) for choice in (first, second)]
        given = next(filter(None, read), None)
        return "".join(
            _shown(one or _untrained(choice, text, given))
            for choice, one in zip((first, second), read, strict=True)
        )

    def _read(self, choice: str, text: str) -> _Read | None:
        """What the model that was chosen reads; None of a cell that is not trained."""
        if choice in CELLS:
            return None
        if not str(choice).startswith(_MODEL):
            raise UserError(f"'{choice}' is no cell: choose one of {', '.join(CELLS)}")
        from zoo.predictors.vectors import vectors

        name = choice.removeprefix(_MODEL)
        tokens, steps, cell = vectors(self.models.load(name), text)
        kind = next(known for known, found in CELLS.items() if type(cell) is found)
        return _Read(f"{kind} of {name}, trained", f"what {name} reads", tokens, steps, cell)


def _untrained(name: str, text: str, given: _Read | None) -> _Read:
    """A cell as it starts, on the vectors of a model's tokens, or else on random ones of words."""
    if given is None:
        words = text.split()[:_MOST_STEPS]
        drawn = [np.random.default_rng([*word.encode()]).normal(size=_WIDTH) for word in words]
        source, tokens, steps = "random vectors of words", words, np.stack(drawn)
    else:
        source, tokens, steps = given.source, given.tokens, given.steps
    cell = _built(name, steps.shape[1])
    return _Read(f"{name}, untrained, on {source}", source, tokens, steps, cell)


@functools.lru_cache(maxsize=64)
def _built(name: str, width: int) -> Any:
    """An untrained cell, the same each time."""
    from zoo.networks.seeds import seeded

    @seeded
    def build(*, seed: int) -> Any:
        cell = CELLS[name](_UNITS, seed=seed)
        cell.build((None, width))
        return cell

    return build(seed=_SEED)


def _shown(read: _Read) -> str:
    """The picture of a cell at work, and the means of what it shows."""
    from zoo.memory.gates import trace

    tokens, cell = [_short(token) for token in read.tokens[:_MOST_STEPS]], read.cell
    found = trace(cell, read.steps[:_MOST_STEPS])
    gates = {f"{name} gate": v for name, v in found.gates.items() if name not in _NO_GATES}
    values = gates | {n: v for n, v in found.gates.items() if n == "candidate"}
    values |= dict(zip(("output", "memory")[-len(found.states) :], found.states, strict=True))
    chosen = np.sort(np.argsort(-values["memory"].std(axis=0), kind="stable")[:_SHOWN])
    units = [str(unit + 1) for unit in chosen]
    maps = [HeatMap(n, one[:, chosen].T, units, n in gates) for n, one in values.items()]
    rows = []
    for name, one in values.items():
        sizes = np.abs(one).mean(axis=1)
        ends = ((f"{sizes[i]:.2f} at “{tokens[i]}”") for i in (sizes.argmax(), sizes.argmin()))
        rows.append((name if name in gates else f"size of {name}", float(sizes.mean()), *ends))
    words = (
        f"{read.title}: maps of {len(chosen)} units by {len(tokens)} steps, of "
        f"{', '.join(values)}. The table has their means."
    )
    left = len(read.tokens) - len(tokens)
    return marks.box(
        f"<p><b>{marks.html.escape(read.title)}</b></p>",
        marks.drawing(lambda file: heat_maps(maps, tokens, file), words, wide=True),
        marks.table(rows, ("", "mean", "most", "least"), f"Means over all {cell.units} units"),
        marks.note(
            f"Drawn are the {len(chosen)} of {cell.units} units whose memory changes most. Gates: "
            "white is shut, black is open. Else orange is above 0, violet below."
            + (f" Of the text, the first {len(tokens)} steps; {left:,} follow." if left > 0 else "")
        ),
    )


def _short(token: str) -> str:
    return token if len(token) <= _LONGEST else f"{token[: _LONGEST - 1]}…"
