"""One network per cell, all with the same number of weights, trained alike: a table of results."""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
from rich.console import Console

from zoo.application import runs, workflow
from zoo.application.task import Task
from zoo.errors import UserError
from zoo.predictors import catalogue
from zoo.training import checkpoints

TABLE_NAME, RESULTS_NAME = "comparison.md", "comparison.json"
_MOST_UNITS = 4096


def compare(
    task: Task, options: Any, cells: Iterable[str], parameters: int, console: Console
) -> dict[str, Any]:
    """Trains a network with each cell and tabulates their results on the test split.

    A cell's model is a saved model of its own in a folder that bears the cell's name; one that is
    there already is not trained again, and one that was broken off goes on.

    Args:
        task: whose networks they are.
        options: those of `train` but `cell` and `units`; `out` is the folder of the results.
        cells: names of cells.
        parameters: how many weights each network shall have; the units are those that come nearest.
        console: rich console for what a person reads.

    Returns:
        dict of `rows`, one dict for each cell (`cell`, `units`, `parameters` and the task's
        metrics), and the `table`, in Markdown. Both are written to the folder.

    Raises:
        UserError: for wrong input.
        KeyboardInterrupt: on Control-C; the same call goes on from there.
    """
    folder = Path(options.out)
    options = task.options(**vars(options))
    options.resolve()
    data = task.load_data(options)
    options.suit(data)
    networks = []  # their sizes first: one that cannot be had is known before hours of work
    for cell in dict.fromkeys(cells):
        network = dataclasses.replace(options, cell=cell, out=str(folder / cell))
        network.units = units_for(task, data, network, parameters)
        networks.append(network)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{folder} cannot be made ({error.strerror})"
        raise UserError(f"{reason}: give another --out") from error
    rows = []
    for network in networks:
        console.print(f"{network.cell}: {network.units} units")
        about = {"cell": network.cell, "units": network.units}
        rows.append(about | _result(task, network, console))
    table = _table(task, rows)
    console.print(table)
    results = {"rows": rows, "table": table}
    (folder / TABLE_NAME).write_text(f"{table}\n", encoding="utf-8")
    (folder / RESULTS_NAME).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return results


def units_for(task: Task, data: Any, options: Any, parameters: int) -> int:
    """The units with which a network comes nearest to so many weights; a UserError if none do."""

    def count(units: int) -> int:
        with keras.device("cpu"):
            predictor = task.build(data, dataclasses.replace(options, units=units))
        return predictor.model.count_params()

    if (least := count(1)) > parameters:
        raise UserError(
            f"a network with one unit of {options.cell} has {least:,} weights: give a greater "
            "number as --parameters"
        )
    low, high = 1, 2
    while high < _MOST_UNITS and count(high) < parameters:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < parameters else (low, middle)
    return min((low, high), key=lambda units: abs(count(units) - parameters))


def _result(task: Task, options: Any, console: Console) -> dict[str, Any]:
    """The recorded metrics of a cell's model, which is trained unless it is there."""
    folder = options.out
    if not catalogue.holds_model(folder):
        begun = checkpoints.load(Path(folder) / runs.RUN_NAME) is not None
        run = dataclasses.replace(options, resume=begun, overwrite=False)
        workflow.train(task, run, (), console)
    metrics = catalogue.read_metrics(folder)
    kept = ("parameters", "epochs", f"validation_{task.metric.name}", *task.metric.compared)
    return {name: metrics[name] for name in kept}


def _table(task: Task, rows: list[dict[str, Any]]) -> str:
    names = [name for name in rows[0] if name not in ("epochs", f"validation_{task.metric.name}")]
    header = f"| {' | '.join(name.replace('_', ' ') for name in names)} |"
    lines = [header, f"|{'---|' * len(names)}"]
    for row in rows:
        cells = (f"{row[n]:,.4g}" if isinstance(row[n], float) else f"{row[n]}" for n in names)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
