"""How much of a gradient is left on its way back through the steps of a cell."""

import dataclasses
import functools
from typing import Any

import gradio as gr

from zoo.application.options import declared
from zoo.cells import CELLS
from zoo.demo import marks
from zoo.demo.panels.panel import Panel
from zoo.errors import UserError
from zoo.evaluation import figures

_MOST = 100  # steps: some seconds
_TOLD = (1, 2, 5, 10, 20, 50, 100)  # distances of the table


class _Silent:
    """An output of a verb whose result alone counts."""

    def line(self, text: str, end: str = "\n") -> None:
        """Nothing."""


class MemoryPanel(Panel):
    """A cell and how its gates start in; the gradient of its states by distance."""

    def body(self) -> None:
        """The input and the answer."""
        gates = next(
            o.about["choices"] for o in declared(self._verb.options[0]) if o.name == "gates"
        )
        with gr.Row():
            cell = gr.Dropdown([*CELLS], value="lstm", label="Cell")
            start = gr.Radio([*gates], value=gates[0], label="How its gates start")
            steps = gr.Slider(2, _MOST, 50, step=1, label="Steps")
        button = gr.Button("Measure the gradient", variant="primary")
        shown = gr.HTML()
        self.answers(button, self.measure, [cell, start, steps], [shown], "gradients")

    @property
    def _verb(self) -> Any:
        return next(verb for verb in self.task.verbs if verb.run.__name__ == "gradients")

    def measure(self, cell: str, gates: str, steps: float) -> str:
        """The gradient of an untrained cell by distance, as HTML."""
        if cell not in CELLS:
            raise UserError(f"'{cell}' is no cell: choose one of {', '.join(CELLS)}")
        if gates != "default" and not CELLS[cell].keeps:
            raise UserError(f"{cell} has no gate that keeps, which could remember: choose default")
        if not 2 <= steps <= _MOST:
            raise UserError(f"{steps:g} steps: choose from 2 to {_MOST}")
        found, options = _measured(self.task, self._verb, cell, gates, int(steps))
        left, below = found["gradient"], found["below_1_percent_at"]
        share = f"{left[-1]:.2g}" if left[-1] is not None else "no number"
        said = f"Of the gradient at the last step, {share} is left {int(steps)} steps before. " + (
            f"From {below} steps before on it is less than 1 %: it vanishes."
            if below
            else "Nowhere is it less than 1 %."
        )
        rows = [
            (distance, left[distance], found["norm_of_product"][distance])
            for distance in _TOLD
            if distance <= steps
        ]
        named = f"{cell}, gates: {gates}"
        curves = [
            figures.Curve("gradient", found["distance"], left),
            figures.Curve("norm of the product of Jacobians", found["distance"],
                          found["norm_of_product"], ":"),
        ]  # fmt: skip
        panel = figures.Panel(
            named, "steps before the last", "left of it", curves, logarithmic=True
        )
        return marks.box(
            f"<p><b>{marks.html.escape(said)}</b></p>",
            marks.drawing(
                lambda file: figures.panels([panel], file),
                f"The gradient by distance, of {named}, on a logarithmic axis. {said}",
            ),
            marks.table(rows, ("steps before", "gradient", "norm of product"), named),
        ) + marks.note(
            f"Untrained, {options.units} units, seed {options.seed}; the loss asks for the first "
            f"of {int(steps)} letters."
        )


@functools.lru_cache(maxsize=256)
def _measured(
    task: Any, verb: Any, cell: str, gates: str, steps: int
) -> tuple[dict[str, Any], Any]:
    """What the verb finds of one cell before training, and the options that it took."""
    options = dataclasses.replace(
        verb.options[0](), cells=(cell,), gates=(gates,), steps=steps, updates=0
    )
    (found,) = verb.run(task, options, _Silent())["networks"]
    return found, options
