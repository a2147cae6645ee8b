"""What recurrent networks remember: vanishing and exploding gradients made visible.

python -m tasks.memory                            how much gradient is left, by distance and cell
python -m tasks.memory agreement                  "The cats, which ..., were full", by length
python -m tasks.memory explode                    without clipping and with it, to NaN and not
python -m tasks.memory adding --steps 400         classic problems, solved or not
python -m tasks.memory gradients --out gradients.png
python -m tasks.memory --help
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import zoo
from zoo.application import Application, Verb, option
from zoo.application.command_line import run
from zoo.application.options import seed_option
from zoo.application.task import Output
from zoo.cells import CELLS
from zoo.cells.remember import parse_remember
from zoo.errors import UserError

GATES = ("default", "remembering")
_EXAMPLES = 16  # on which gradients are measured
_SHOWN = (1, 10, 20, 50, 100, 200, 500, 1000)  # distances of which a row tells
_LITTLE = 0.01  # of a gradient
_BETWEEN = (6, 10, 21, 42, 84, 168)  # words


@dataclass
class Networks:
    """What all verbs that compare cells take."""

    cells: tuple[str, ...] = option(
        (), "A cell; can be repeated.  [default: all]", name="cell", choices=tuple(CELLS)
    )
    gates: tuple[str, ...] = option(
        (), "How gates start; can be repeated.  [default: both]", choices=GATES
    )
    remember: str | float = option(
        5.0,
        "How gates that remember start: the bias of the gate that keeps, or chrono:STEPS for "
        "memories of up to so many steps.",
        check=parse_remember,
    )
    units: int = option(48, "Units of the layer.", least=1)
    updates: int = option(500, "Most updates of a network.", least=1)
    batch_size: int = option(32, "Examples of an update.", least=1)
    learning_rate: float = option(0.005, "Of Adam, with gradients clipped at 1.", above=0)
    seed: int = seed_option(1, "Of initial weights and of examples.")
    out: str | None = option(None, "PNG of the curves.", file=True)

    def variants(self) -> list[tuple[str, str]]:
        """The cells, with default gates and with gates that remember where they have them."""
        cells, gates = dict.fromkeys(self.cells or CELLS), dict.fromkeys(self.gates or GATES)
        found = [(c, g) for c in cells for g in gates if g == "default" or CELLS[c].keeps]
        if not found:
            raise UserError(f"{', '.join(cells)} has no gate that keeps: give another --cell")
        return found

    def build(self, problem: Any, cell: str, gates: str, **more: Any) -> Any:
        """An untrained network for a problem."""
        remember = self.remember if gates == "remembering" else None
        options = {"remember": remember, "seed": self.seed, **more}
        return zoo.memory.readers.build(problem, cell, self.units, **options)

    def train(self, model: Any, problem: Any, **more: Any) -> Any:
        """Trains a network; see `zoo.memory.readers.train`."""
        names = ("updates", "batch_size", "learning_rate", "seed")
        chosen = {name: getattr(self, name) for name in names}
        return zoo.memory.readers.train(model, problem, **chosen, **more)


@dataclass
class GradientOptions(Networks):
    """What `gradients` takes."""

    steps: int = option(100, "Letters, of which the first is asked for after the last.", least=1)
    gain: float = option(1.0, "Of the orthogonal recurrent weights at the start.", above=0)
    updates: int = option(300, "Most updates of a network, 0 for none.", least=0)


def gradients(task: Application, options: GradientOptions, output: Output) -> dict[str, Any]:
    """Measures the gradient of each state by its distance from the loss."""
    variants = options.variants()
    flow, problem = zoo.memory.flow, zoo.memory.problems.recall(options.steps)
    distances = [d for d in _SHOWN if d <= options.steps]
    output.line(
        f"Recall of the first of {options.steps} letters, chance {problem.chance:.3f}. The norm of "
        "dL/dstate by distance from the loss, 1 there, and where 1 % is left;\nover all steps the "
        "norm of the product of Jacobians J, the product of their norms, its bound by the weights"
    )
    names = (*map(str, distances), "<1% at", "‖J...J‖", "‖J‖...‖J‖", "‖W‖ⁿ", "accuracy")
    table = _Table(output, "cell", "gates", "weights", *names)
    found = []
    for cell, gates in variants:
        model = options.build(problem, cell, gates, gain=options.gain)
        accuracy = None
        for weights in ("initial", "trained")[: 2 if options.updates else 1]:
            if weights == "trained":
                accuracy = options.train(model, problem).figure
            measured = flow.flow_of(model, problem, _EXAMPLES, options.seed)
            bound = measured.bound_of_product
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
                    "distance": [*range(options.steps + 1)],
                    "gradient": measured.relative.tolist(),
                    "norm_of_product": measured.product.tolist(),
                    "product_of_norms": measured.norms.tolist(),
                    "bound_of_a_norm": measured.bound,
                }
            )
    axes = ("distance", "gradient", "norm_of_product")
    _draw(found, ("gates", "weights"), axes, options.out, logarithmic=True)
    return _finite({"steps": options.steps, "chance": problem.chance, "networks": found})


@dataclass
class AgreementOptions(Networks):
    """What `agreement` takes."""

    short: int = option(21, "Most words in short training; the fewest are 6.", least=6)
    long: int = option(42, "Words in long training.", least=6)
    words: tuple[int, ...] = option(
        (),
        f"Words in a test; can be repeated.  [default: {', '.join(map(str, _BETWEEN))}]",
        least=6,
    )
    examples: int = option(500, "Sentences of a test.", least=1)
    updates: int = option(700, "Most updates of a network.", least=1)


def agreement(task: Application, options: AgreementOptions, output: Output) -> dict[str, Any]:
    """Measures whether was and were agree with a noun so many words before."""
    variants = options.variants()
    grammar = zoo.memory.agreement
    words = list(dict.fromkeys(options.words or _BETWEEN))
    trainings = {
        f"6-{options.short}": range(6, options.short + 1),
        f"{options.long}": [options.long],
    }
    example = grammar.sentence(options.seed, 21)
    output.line(
        "Share of was and were that is right, by the words between noun and verb, trained on short "
        f"sentences\nand on long ones; chance 0.5. With 21 words: {example}"
    )
    names = ("cell", "gates", "trained on", "updates", *map(str, words))
    table, found = _Table(output, *names), []
    for (cell, gates), (name, lengths) in itertools.product(variants, trainings.items()):
        problem, goal = (grammar.agreement(chosen) for chosen in (lengths, lengths[-1:]))
        model = options.build(problem, cell, gates)
        run = options.train(model, problem, validation=goal)
        tests = (options.examples, options.seed)
        accuracy = [grammar.accuracy(model, between, *tests) for between in words]
        table.row(cell, gates, name, run.looks[-1][0], *accuracy)
        row = {"cell": cell, "gates": gates, "trained_on": name, "updates": run.looks[-1][0]}
        found.append(row | {"solved": run.solved, "words": words, "accuracy": accuracy})
    _draw(found, ("gates", "trained_on"), ("words", "accuracy"), options.out)
    return _finite({"chance": 0.5, "example": str(example), "networks": found})


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
        loss, norm = (
            [float(values[n - 1]) for n in (*shown, options.updates)]
            for values in (run.losses, run.norms)
        )
        outcome = _outcome(run, problem.chance)
        table.row(clipping, "loss", *loss, outcome)
        table.row("", "norm", *norm, "")
        found.append(
            {
                "clipping": clipping,
                "outcome": outcome,
                "broken_at": run.broken_at,
                "last_loss": run.last_loss,
                "losses": run.losses.tolist(),
                "norms": run.norms.tolist(),
            }
        )
    _draw_runs(found, options.out)
    return _finite({"steps": options.steps, "chance": problem.chance, "runs": found})


def _outcome(run: Any, chance: float) -> str:
    if run.broken_at is not None:
        return f"not a number from update {run.broken_at} on"
    learnt = "it learns" if run.last_loss < chance / 2 else "nothing is learnt"
    return f"finite; {learnt}: {run.last_loss:.3f} at last"


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
    about = (
        f"Sum of two marked numbers among {options.steps}: mean squared error; who says 1 each "
        f"time has {problem.chance:.3f}, solved is {problem.goal}"
    )
    return _solve(problem, options, output, "squared_error", about)


def copy(task: Application, options: CopyOptions, output: Output) -> dict[str, Any]:
    """Trains on the copying problem."""
    problem = zoo.memory.problems.copying(options.steps)
    about = (
        f"{problem.answers} letters after {options.steps} blanks: share of the letters that is "
        f"right; chance {problem.chance:.3f}, solved is {problem.goal}"
    )
    return _solve(problem, options, output, "accuracy", about)


def _solve(problem: Any, options: Any, output: Output, figure: str, about: str) -> dict[str, Any]:
    """Trains each network until it has solved the problem, or to the last update."""
    variants = options.variants()
    output.line(about)
    names = ("cell", "gates", figure.replace("_", " "), "updates", "solved")
    table, found = _Table(output, *names), []
    for cell, gates in variants:
        run = options.train(options.build(problem, cell, gates), problem)
        updates, values = (list(column) for column in zip(*run.looks, strict=True))
        table.row(cell, gates, run.figure, updates[-1], "yes" if run.solved else "no")
        row = {"cell": cell, "gates": gates, "solved": run.solved}
        found.append(row | {"updates": updates, figure: values})
    if not any(row["solved"] for row in found):
        output.line(f"none of them in {options.updates} updates")
    _draw(found, ("gates",), ("updates", figure), options.out)
    return _finite({"steps": options.steps, "chance": problem.chance, "networks": found})


class _Table:
    """Rows as they come, each column as wide as its head or a number."""

    def __init__(self, output: Output, *names: str) -> None:
        self._output = output
        self._widths = {name: max(len(name), _WIDTHS.get(name, 6)) for name in names}
        self.row(*names)

    def row(self, *values: Any) -> None:
        """Prints a row: shares of 1 with three decimals, other numbers with three digits."""
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
    "trained on": 5,
}


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3f}" if 0 <= value <= 1 else f"{value:.3g}"


def _draw(
    found: list[dict[str, Any]],
    panels: tuple[str, ...],
    axes: tuple[str, ...],
    path: str | None,
    logarithmic: bool = False,
) -> None:
    """Draws rows as curves named after their cells, if a picture is asked for.

    Args:
        found: the rows.
        panels: columns of words; rows that agree in them share a panel.
        axes: columns of the horizontal and vertical numbers, and of others, which are dotted.
        path: of the PNG file.
        logarithmic: of the vertical axis.
    """
    if path is None:
        return
    figures, drawn = zoo.evaluation.figures, []
    for chosen in dict.fromkeys(tuple(row[name] for name in panels) for row in found):
        curves = [
            figures.Curve(row["cell"], row[axes[0]], row[y], style)
            for row in found
            if chosen == tuple(row[name] for name in panels)
            for y, style in zip(axes[1:], "-:", strict=False)
        ]
        limits = (0, 1.02) if axes[1] == "accuracy" else None
        title = ", ".join(
            f"{n.replace('_', ' ')}: {v}" for n, v in zip(panels, chosen, strict=True)
        )
        labels = [name.replace("_", " ") for name in axes]
        drawn.append(figures.Panel(title, labels[0], labels[1], curves, logarithmic, limits))
    figures.panels(drawn, path)


def _draw_runs(found: list[dict[str, Any]], path: str | None) -> None:
    if path is None:
        return
    figures, panels = zoo.evaluation.figures, []
    for key, name in (("losses", "loss"), ("norms", "norm of the gradient")):
        curves = [
            figures.Curve(row["clipping"], range(1, len(row[key]) + 1), row[key]) for row in found
        ]
        panels.append(figures.Panel(name, "update", name, curves, logarithmic=True))
    figures.panels(panels, path)


def _finite(value: Any) -> Any:
    """A result as JSON can hold it: None in place of numbers that are none, or infinite."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
