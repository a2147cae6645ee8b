"""Examples per second of candidates that do the same work, phase by phase, and their table."""

import importlib.util
import itertools
import statistics

import click
import numpy as np

from benchmarks.timing import ratio, time_in_turn

COLUMN = 15  # width of a column of the table
REFERENCES = ("zoo",)


def installed(candidates):
    """Those of a dict by name that can be built: PyTorch's only where it is installed."""
    has_torch = importlib.util.find_spec("torch") is not None
    return {n: build for n, build in candidates.items() if has_torch or not n.startswith("torch")}


def training(model, batches, callbacks=()):
    """What trains a compiled Keras model for an epoch of `BucketedBatches`, the next at each call.

    Returns:
        A callable without arguments.
    """
    epochs = itertools.count()

    def train():
        model.fit(
            batches.dataset(next(epochs)),
            steps_per_epoch=len(batches),
            shuffle=False,
            callbacks=list(callbacks),
            verbose=0,
        )

    return train


def measure(phase, runs, count, *, rounds, references=REFERENCES, unit="examples"):
    """Times what each candidate does in a phase, after doing it once untimed.

    Args:
        phase: what is done, for the table.
        runs: dict of name -> callable without arguments that does it to all examples.
        count: how many examples there are.
        rounds: how often each is timed.
        references: the candidates to compare the others with.
        unit: what an example is, in the plural.

    Returns:
        A row: each candidate's examples per second, and how many times as many a reference does.
    """
    seconds = time_in_turn(runs, rounds=rounds, warm_up=1)
    row = {"phase": phase}
    for name, times in seconds.items():
        row[f"{name}_{unit}_per_second"] = count / statistics.median(times)
    for reference in references:
        for name, times in seconds.items():
            if name != reference:
                row[f"{reference}/{name}"] = ratio(times, seconds[reference])
    return row


def show(rows, names, *, err, references=REFERENCES, unit="examples"):
    """Prints the rows of `measure`: figures per second, and below them the ratios.

    Args:
        rows: of the same candidates.
        names: the columns: all candidates, also those that were left out.
        err: whether to print to standard error.
        references, unit: as for `measure`.
    """
    click.echo(f"{unit + ' per second':22}" + "".join(f"{n:>{COLUMN}}" for n in names), err=err)
    lines = [("", f"{{}}_{unit}_per_second", 0)]
    lines += [(f"{reference} / ", f"{reference}/{{}}", 2) for reference in references]
    for title, key, digits in lines:
        for row in rows:
            cells = (row.get(key.format(name)) for name in names)
            cells = (f"{'-' if c is None else f'{c:.{digits}f}':>{COLUMN}}" for c in cells)
            click.echo(f"{title + row['phase']:22}" + "".join(cells), err=err)
    if len(installed(dict.fromkeys(names))) < len(names):
        click.echo("PyTorch is not installed and was left out.", err=err)


def some(examples, limit):
    """The first `limit` of a corpus' split after a shuffle that is always the same."""
    return examples.take(np.random.default_rng(0).permutation(len(examples))[:limit])
