"""What recurrent networks remember: vanishing and exploding gradients made visible.

python -m tasks.memory                            how much gradient is left, by distance and cell
python -m tasks.memory agreement                  "The cats, which ..., were full", by length
python -m tasks.memory explode                    without clipping and with it, to NaN and not
python -m tasks.memory adding --steps 400         classic problems, solved or not
python -m tasks.memory gradients --out gradients.png
python -m tasks.memory --help
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import zoo
from zoo.application import Application, Verb, option
from zoo.application.command_line import run
from zoo.application.options import seed_option
from zoo.application.task import Output
from zoo.cells import CELLS

GATES = ("default", "remembering")
_EXAMPLES = 16  # on which gradients are measured
_SHOWN = (1, 10, 20, 50, 100, 200, 500, 1000)  # distances of which a row tells
_LITTLE = 0.01  # of a gradient
_BETWEEN = (6, 10, 21, 42, 84, 168)  # words
_LAST = 20  # updates whose mean loss is the last one


@dataclass
class Networks:
    """What all verbs that compare cells take."""

    cells: tuple[str, ...] = option(
        (), "A cell; can be repeated.  [default: all]", name="cell", choices=tuple(CELLS)
    )
    gates: tuple[str, ...] = option(
        (), "How gates start; can be repeated.  [default: both]", choices=GATES
    )
    remember: float = option(
        5.0, "Bias with which the gate that keeps starts in networks that remember.", above=0
    )
    units: int = option(48, "Units of the layer.", least=1)
    updates: int = option(500, "Most updates of a network.", least=1)
    batch_size: int = option(32, "Examples of an update.", least=1)
    learning_rate: float = option(0.005, "Of Adam, with gradients clipped at 1.", above=0)
    seed: int = seed_option(1, "Of initial weights and of examples.")
    out: str | None = option(None, "PNG of the curves.", file=True)

    def variants(self) -> Iterator[tuple[str, str]]:
        """The cells, with default gates and with gates that remember where they have them."""
        for cell in dict.fromkeys(self.cells or CELLS):
            for gates in dict.fromkeys(self.gates or GATES):
                if gates == "default" or zoo.memory.readers.can_remember(cell):
                    yield cell, gates

    def build(self, problem: Any, cell: str, gates: str, **more: Any) -> Any:
        """An untrained network for a problem."""
        remembers = self.remember if gates == "remembering" else None
        options = {"remembers": remembers, "seed": self.seed, **more}
        return zoo.memory.readers.build(problem, cell, self.units, **options)

    def train(self, model: Any, problem: Any, stop: bool = True) -> Any:
        """Trains a network; see `zoo.memory.readers.train`."""
        names = ("updates", "batch_size", "learning_rate", "seed")
        chosen = {name: getattr(self, name) for name in names}
        return zoo.memory.readers.train(model, problem, stop=stop, **chosen)


@dataclass
class GradientOptions(Networks):
    """What `gradients` takes."""

    steps: int = option(100, "Letters, of which the first is asked for after the last.", least=1)
    gain: float = option(1.0, "Of the orthogonal recurrent weights at the start.", above=0)
    updates: int = option(300, "Most updates of a network, 0 for none.", least=0)


def gradients(task: Application, options: GradientOptions, output: Output) -> dict[str, Any]:
    """Measures the gradient of each state by its distance from the loss."""
    flow, problem = zoo.memory.flow, zoo.memory.problems.recall(options.steps)
    distances = [d for d in _SHOWN if d <= options.steps]
    output.line(
        f"Recall of the first of {options.steps} letters, chance {problem.chance:.3f}. The norm of "
        "dL/dstate at a distance from the loss, as a fraction\nof that at the loss; and over all "
        "steps the norm of the product of Jacobians J, the product of their norms, and its bound"
    )
    names = (*map(str, distances), "<1% at", "‖J...J‖", "‖J‖...‖J‖", "‖W‖ⁿ", "right")
    table = _Table(output, "cell", "gates", "weights", *names)
    found = []
    for cell, gates in options.variants():
        model = options.build(problem, cell, gates, gain=options.gain)
        accuracy = None
        for weights in ("initial", "trained")[: 2 if options.updates else 1]:
            if weights == "trained":
                accuracy = options.train(model, problem).figure
            measured = flow.flow_of(model, problem, _EXAMPLES, options.seed)
            bound = measured.bound and measured.bound**options.steps
            reach = measured.reach(_LITTLE)
            shown = [f"{measured.relative[d]:.0e}" for d in distances]
            ends = (f"{part[-1]:.0e}" for part in (measured.product, measured.norms))
            table.row(cell, gates, weights, *shown, reach or "never", *ends,
                      "-" if bound is None else f"{bound:.0e}", accuracy)  # fmt: skip
            found.append(
                {
                    "cell": cell,
                    "gates": gates,
                    "weights": weights,
                    "accuracy": accuracy,
                    "below_1_percent_at": reach,
                    "gradient": measured.relative.tolist(),
                    "norm_of_product": measured.product.tolist(),
                    "product_of_norms": measured.norms.tolist(),
                    "bound_of_a_norm": measured.bound,
                }
            )
    if options.out:
        _draw_gradients(found, options.out)
    return {"steps": options.steps, "chance": problem.chance, "networks": found}


@dataclass
class AgreementOptions(Networks):
    """What `agreement` takes."""

    trained: int = option(
        21, "Most words between noun and verb in training; the fewest are 6.", least=6
    )
    words: tuple[int, ...] = option(
        (),
        f"Words between in a test; can be repeated.  [default: {', '.join(map(str, _BETWEEN))}]",
        least=6,
    )
    examples: int = option(500, "Sentences of a test.", least=1)
    updates: int = option(700, "Updates of a network.", least=1)


def agreement(task: Application, options: AgreementOptions, output: Output) -> dict[str, Any]:
    """Measures whether was and were agree with a noun so many words before."""
    grammar = zoo.memory.agreement
    words = list(dict.fromkeys(options.words or _BETWEEN))
    learnt = grammar.agreement(range(6, options.trained + 1))
    example = grammar.sentence(np.random.default_rng(options.seed), 21)
    output.line(
        f"Share of was and were that is right, by the words between noun and verb, as in\n{example}"
        f"\nTrained on 6 to {options.trained} words; chance {learnt.chance}"
    )
    table, found = _Table(output, "cell", "gates", *map(str, words)), []
    for cell, gates in options.variants():
        model = options.build(learnt, cell, gates)
        options.train(model, learnt, stop=False)
        accuracy = []
        for between in words:
            test = np.random.default_rng([options.seed, between])
            x, y = grammar.agreement([between]).sample(test, options.examples)
            accuracy.append(learnt.figure(y, model.predict_on_batch(x)))
        table.row(cell, gates, *accuracy)
        found.append({"cell": cell, "gates": gates, "x": words, "y": accuracy})
    _draw_by_gates(found, "accuracy", "words between noun and verb", options.out)
    for row in found:
        row["accuracy"] = dict(zip(row.pop("x"), row.pop("y"), strict=True))
    return {"chance": learnt.chance, "example": str(example), "networks": found}


@dataclass
class ExplodeOptions:
    """What `explode` takes."""

    steps: int = option(100, "Of the adding problem.", least=2)
    units: int = option(64, "Of the RNN unit, whose activation is ReLU.", least=1)
    gain: float = option(1.15, "Of the orthogonal recurrent weights at the start.", above=0)
    l1: float = option(50.0, "Largest L1 norm of the gradient, with L1 clipping.", above=0)
    l2: float = option(1.0, "Largest L2 norm, with L2 clipping.", above=0)
    updates: int = option(300, "Of plain gradient descent.", least=1)
    batch_size: int = option(64, "Examples of an update.", least=1)
    learning_rate: float = option(0.01, "Of plain gradient descent.", above=0)
    seed: int = seed_option(1, "Of initial weights and of examples.")
    out: str | None = option(None, "PNG of the curves.", file=True)


def explode(task: Application, options: ExplodeOptions, output: Output) -> dict[str, Any]:
    """Trains without clipping and with it, and shows loss and gradient of each update."""
    explosion, problem = zoo.memory.explosion, zoo.memory.problems.adding(options.steps)
    names = ("units", "gain", "updates", "batch_size", "learning_rate", "seed")
    chosen = {name: getattr(options, name) for name in names}
    ways = {
        "none": None,
        f"L2 at {options.l2:g}": explosion.Clipping(2, options.l2),
        f"L1 at {options.l1:g}": explosion.Clipping(1, options.l1),
    }
    output.line(
        f"Adding problem of {options.steps} steps; loss and L2 norm of the gradient before clipping"
        f"\nat an update. Who says 1 each time has a loss of {problem.chance:.3f}"
    )
    shown = [n for n in (1, 2, 3, 10, 30, 100, 300, 1000) if n < options.updates]
    table = _Table(output, "clipping", "", *map(str, shown), str(options.updates), "outcome")
    found = []
    for clipping, way in ways.items():
        run = explosion.descend(problem, way, **chosen)
        last = float(np.mean(run.losses[-_LAST:]))
        outcome = f"not a number from update {run.broken_at} on"
        if run.broken_at is None:
            learnt = last < problem.chance / 2
            outcome = (
                f"finite; {'it learns' if learnt else 'nothing is learnt'} ({last:.3f} at last)"
            )
        for name, values in (("loss", run.losses), ("norm", run.norms)):
            at = [float(values[n - 1]) for n in (*shown, options.updates)]
            table.row(
                clipping if name == "loss" else "", name, *at, outcome if name == "loss" else ""
            )
        found.append(
            {
                "clipping": clipping,
                "broken_at": run.broken_at,
                "last_loss": _finite(last),
                "losses": [*map(_finite, run.losses.tolist())],
                "norms": [*map(_finite, run.norms.tolist())],
            }
        )
    if options.out:
        figures, updates = zoo.evaluation.figures, range(1, options.updates + 1)
        panels = [
            figures.Panel(
                name,
                "update",
                name,
                [
                    figures.Curve(r["clipping"], updates, [v or np.nan for v in r[key]])
                    for r in found
                ],
                True,
            )
            for name, key in (("loss", "losses"), ("norm of the gradient", "norms"))
        ]
        figures.panels(panels, options.out)
    return {"steps": options.steps, "chance": problem.chance, "runs": found}


@dataclass
class AddingOptions(Networks):
    """What `adding` takes."""

    steps: int = option(200, "Numbers, of which two are marked and added.", least=2)
    updates: int = option(1500, "Most updates of a network.", least=1)


@dataclass
class CopyOptions(Networks):
    """What `copy` takes."""

    steps: int = option(50, "Blanks between three letters and their copy.", least=1)
    updates: int = option(2000, "Most updates of a network.", least=1)
    learning_rate: float = option(0.01, "Of Adam, with gradients clipped at 1.", above=0)


def adding(task: Application, options: AddingOptions, output: Output) -> dict[str, Any]:
    """Trains on the adding problem of Hochreiter & Schmidhuber."""
    problem = zoo.memory.problems.adding(options.steps)
    output.line(
        f"Sum of two marked numbers among {options.steps}: mean squared error; who says 1 each "
        f"time has {problem.chance:.3f}, solved is {problem.goal}"
    )
    return _solve(problem, options, output, "squared error")


def copy(task: Application, options: CopyOptions, output: Output) -> dict[str, Any]:
    """Trains on the copying problem."""
    problem = zoo.memory.problems.copying(options.steps)
    output.line(
        f"{problem.answers} letters after {options.steps} blanks: share of the letters that is "
        f"right; chance {problem.chance:.3f}, solved is {problem.goal}"
    )
    return _solve(problem, options, output, "accuracy")


def _solve(problem: Any, options: Any, output: Output, figure: str) -> dict[str, Any]:
    """Trains each network until it has solved the problem, or to the last update."""
    table, found = _Table(output, "cell", "gates", figure, "updates", "solved"), []
    for cell, gates in options.variants():
        run = options.train(options.build(problem, cell, gates), problem)
        updates = [looked for looked, _ in run.looks]
        solved = "no" if run.solved_after is None else "yes"
        table.row(cell, gates, run.figure, updates[-1], solved)
        values = [value for _, value in run.looks]
        row = {"cell": cell, "gates": gates, figure.replace(" ", "_"): run.figure}
        found.append(row | {"solved_after": run.solved_after, "x": updates, "y": values})
    if not any(row["solved_after"] for row in found):
        output.line(f"none of them in {options.updates} updates")
    _draw_by_gates(found, figure, "updates", options.out)
    for row in found:
        row["looks"] = [*zip(row.pop("x"), row.pop("y"), strict=True)]
    return {"steps": options.steps, "chance": problem.chance, "networks": found}


class _Table:
    """Rows as they come, each column as wide as its head or a number."""

    def __init__(self, output: Output, *names: str) -> None:
        self._output = output
        self._widths = {name: max(len(name), _WIDTHS.get(name, 6)) for name in names}
        self.row(*names)

    def row(self, *values: Any) -> None:
        """Prints a row: numbers with three digits, None as -."""
        cells = zip(values, self._widths.items(), strict=True)
        line = (
            f"{_shown(value):<{width}}" if name in _WIDTHS else f"{_shown(value):>{width}}"
            for value, (name, width) in cells
        )
        self._output.line("  ".join(line).rstrip())


_WIDTHS = {  # of columns of words
    "cell": max(map(len, CELLS)),
    "gates": max(map(len, GATES)),
    "weights": len("trained"),
    "clipping": 10,
    "": 4,
}


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _draw_gradients(found: list[dict[str, Any]], path: str) -> None:
    figures, panels = zoo.evaluation.figures, []
    for weights in dict.fromkeys(row["weights"] for row in found):
        for gates in dict.fromkeys(row["gates"] for row in found):
            chosen = [r for r in found if (r["weights"], r["gates"]) == (weights, gates)]
            distances = range(len(chosen[0]["gradient"]))
            curves = [figures.Curve(r["cell"], distances, r["gradient"]) for r in chosen]
            curves += [
                figures.Curve(r["cell"], distances, r["norm_of_product"], ":") for r in chosen
            ]
            title = f"{gates} gates, {weights} weights"
            panels.append(figures.Panel(title, "steps before the loss", "gradient", curves, True))
    figures.panels(panels, path)


def _draw_by_gates(found: list[dict[str, Any]], figure: str, x: str, path: str | None) -> None:
    """Curves `y` over `x` of each row, a panel for each way in which gates start."""
    if path is None:
        return
    figures, panels = zoo.evaluation.figures, []
    for gates in dict.fromkeys(row["gates"] for row in found):
        rows = [row for row in found if row["gates"] == gates]
        curves = [figures.Curve(row["cell"], row["x"], row["y"]) for row in rows]
        panels.append(figures.Panel(f"{gates} gates", x, figure, curves))
    figures.panels(panels, path)


def _finite(value: float) -> float | None:
    """A number as JSON can hold it."""
    return value if math.isfinite(value) else None


class Memory(Application):
    """What recurrent networks remember."""

    name = "memory"
    summary = "Vanishing and exploding gradients made visible, and what is remembered in spite."
    verbs = (
        Verb(gradients, "How much gradient is left, by distance and cell.", (GradientOptions,)),
        Verb(agreement, "Was or were, by the distance from the noun.", (AgreementOptions,)),
        Verb(explode, "Exploding gradients, without clipping and with it.", (ExplodeOptions,)),
        Verb(adding, "Add two numbers of a long sequence.", (AddingOptions,)),
        Verb(copy, "Copy letters after many blanks.", (CopyOptions,)),
    )


if __name__ == "__main__":
    run(Memory())
