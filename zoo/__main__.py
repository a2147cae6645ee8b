"""Lists what the zoo has, and serves models: `python -m zoo [VERB]`."""

import json
import sys

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from zoo.application.command_line import parameters, serving
from zoo.application.command_line.commands import execute
from zoo.cells import CELLS
from zoo.datasets.corpora import PACKAGED
from zoo.errors import UserError
from zoo.predictors import catalogue


@click.group(
    invoke_without_command=True,
    params=[parameters.as_json()],
    context_settings={"help_option_names": parameters.HELP},
    help="List the tasks, cells, packaged datasets and saved models, or serve models.",
)
@click.pass_context
def listing(context, as_json):
    """Prints what the zoo has, unless a verb follows."""
    if context.invoked_subcommand:
        return
    sections = {
        "tasks": [
            {"name": f"tasks.{name}", "summary": summary}
            for name, summary in catalogue.tasks().items()
        ],
        "cells": [{"name": name, "class": CELLS.path(name)} for name in CELLS],
        "datasets": [
            {"name": name, "contents": corpus.contents} for name, corpus in PACKAGED.items()
        ],
        "models": [_describe(name) for name in catalogue.models()],
    }
    if as_json:
        click.echo(json.dumps(sections, ensure_ascii=False))
    else:
        _print(sections)


listing.add_command(serving.serve())
listing.add_command(serving.query())


def _describe(model):
    """What is known of a saved model; a damaged one must not hide the others."""
    try:
        metrics = catalogue.read_metrics(catalogue.SAVED_MODELS / model)
    except UserError as error:
        return {"name": model, "error": str(error)}
    metric = metrics.get("metric")
    value = metrics.get(metric)
    return {"name": model, "metric": metric, "value": value, "dataset": metrics.get("dataset")}


def _print(sections):
    # A terminal folds what is too long for it; whatever else reads the lines gets them whole.
    console = Console(width=None if sys.stdout.isatty() else 1000, highlight=False)
    names = max(len(row["name"]) for rows in sections.values() for row in rows)
    for title, rows in sections.items():
        table = Table.grid(padding=(0, 2))
        table.add_column(min_width=names, no_wrap=True)
        for row in rows:
            table.add_row(*map(_shown, row.values()))
        console.print(title.capitalize(), style="bold")
        console.print(Padding.indent(table, 2) if rows else "  none yet")


def _shown(value):
    text = f"{value:.4f}" if isinstance(value, float) else str(value or "")
    return Text(text)


if __name__ == "__main__":
    sys.exit(execute(listing, prog_name="python -m zoo"))
