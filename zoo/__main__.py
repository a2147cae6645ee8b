"""Lists what the zoo has, serves models and shows them: `python -m zoo [VERB]`."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from zoo import native
from zoo.application.command_line import parameters, serving
from zoo.application.command_line.commands import command_of, execute
from zoo.application.command_line.terminal import as_json as to_json
from zoo.cells import CELLS
from zoo.datasets.corpora import PACKAGED
from zoo.demo import verb as demo
from zoo.errors import UserError
from zoo.predictors import catalogue
from zoo.text.normalization import printable


@click.group(
    invoke_without_command=True,
    params=[parameters.as_json()],
    context_settings={"help_option_names": parameters.HELP},
    help="List the tasks, cells, packaged datasets and saved models with the data that they were "
    "trained on, or serve and show models.",
)
@click.pass_context
def listing(context: click.Context, as_json: bool) -> None:
    """Prints what the zoo has, unless a verb follows."""
    if context.invoked_subcommand:
        return
    sections = {
        "tasks": [
            {"name": f"tasks.{name}", "summary": summary}
            for name, summary in catalogue.tasks().items()
        ],
        "cells": [{"name": name, "class": CELLS.path(name)} for name in CELLS],
        "datasets": [{"name": name, **corpus._asdict()} for name, corpus in PACKAGED.items()],
        "recurrence": [{"name": "processor", "engine": native.state()}],
        "models": [_describe(name, folder) for name, folder in catalogue.models().items()],
    }
    if as_json:
        click.echo(to_json(sections))
    else:
        _print(printable(sections))


for verb in (*serving.VERBS, *demo.VERBS):
    listing.add_command(command_of(verb))


def _describe(model: str, folder: Path) -> dict[str, Any]:
    """What is known of a saved model; a damaged one must not hide the others."""
    known = {"name": model, "folder": str(folder)}
    try:
        metrics = catalogue.read_metrics(folder)
        whole = isinstance(json.loads((folder / catalogue.CONFIG_NAME).read_text("utf-8")), dict)
        whole = whole and (folder / "model.keras").is_file()
    except (UserError, OSError, ValueError, RecursionError):
        whole = False
    if not whole:
        return known | {"error": "damaged: restore it, or train it again"}
    metric, settings = metrics.get("metric", ""), metrics.get("settings", {})
    return known | {
        "metric": metric or None,
        "value": metrics.get(metric),
        "dataset": metrics.get("dataset"),
        "source": _source(metrics.get("dataset"), settings),
        "vectors": settings.get("vectors"),
    }


def _source(dataset: str | None, settings: dict[str, Any]) -> str | None:
    """Where who evaluates a model, or trains it again, has its data from."""
    if not dataset:
        return None
    if settings.get("data"):
        return "a file of one's own"
    packaged = dataset.partition("/")[0] in PACKAGED
    return "packaged dataset" if packaged else "TensorFlow Datasets"


def _print(sections: dict[str, list[dict[str, Any]]]) -> None:
    # A terminal folds what is too long for it; whatever else reads the lines gets them whole.
    console = Console(width=None if sys.stdout.isatty() else 1000, highlight=False)
    names = max(len(row["name"]) for rows in sections.values() for row in rows)
    for title, rows in sections.items():
        table = Table.grid(padding=(0, 2))
        table.add_column(min_width=names, no_wrap=True)
        for row in rows:
            table.add_row(*(_shown(key, value) for key, value in row.items() if key != "folder"))
        console.print(title.capitalize(), style="bold")
        console.print(Padding.indent(table, 2) if rows else "  none yet")


def _shown(key: str, value: Any) -> Text:
    if isinstance(value, float):
        return Text(f"{value:.4f}")
    if key == "kind":
        return Text(value.replace("_", " "))
    return Text(f"with the vectors {value}" if value and key == "vectors" else value or "")


if __name__ == "__main__":
    sys.exit(execute(listing, prog_name="python -m zoo"))
