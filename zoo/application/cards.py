"""Model cards: what a saved model is, what it was trained on, how well it does, where it ends."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zoo.application.options import training_command
from zoo.application.task import Task
from zoo.predictors import catalogue
from zoo.text.normalization import printable

NAME = "README.md"
Metrics = dict[str, Any]  # what `metrics.json` holds


def card(
    task: Task, folder: Path, data: Any, metrics: Metrics, options: Any, pictures: Sequence[str]
) -> str:
    """The card of a saved model, in Markdown.

    Args:
        task: whose model it is.
        folder: of the saved model.
        data: the corpus, with `name`, `description`, `homepage`, `licence` and `citation`.
        metrics: what `metrics.json` holds.
        options: a `task.options`, of the training.
        pictures: file names of figures in the folder.
    """
    limits = "\n".join(f"- {limit}" for limit in task.card.limits)
    sections = [
        f"# {folder.resolve().name}\n\n{task.summary}",
        _use(task, folder, metrics),
        _results(task, data, metrics),
        _training(task, metrics, options),
        _data(data, metrics),
        f"## Limits\n\n{limits}" if limits else "",
        "\n\n".join(f"![{name.split('.')[0].replace('_', ' ')}]({name})" for name in pictures),
    ]
    return printable("\n\n".join(section for section in sections if section)) + "\n"


def _use(task: Task, folder: Path, metrics: Metrics) -> str:
    example = next(iter(task.examples_for(metrics)), task.card.stand_in)
    # A string of JSON is a literal of Python.
    model, text = (
        json.dumps(text, ensure_ascii=False) for text in (catalogue.reference(folder), example)
    )
    return f"```python\nimport zoo\n\nmodel = zoo.load({model})\nmodel.predict([{text}])\n```"


def _results(task: Task, data: Any, metrics: Metrics) -> str:
    metric = task.metric.name
    details = task.details(metrics)
    # Published figures are of the whole test split.
    published = () if metrics["settings"]["limit"] else task.card.published.get(data.name, ())
    rows = [
        f"| this model | {metrics[metric]:.4f} |",
        f"| simple baseline on the same data | {metrics[f'baseline_{metric}']:.4f} |",
        *(f"| {p.system} (published) | {p.figure} |" for p in published),
    ]
    if "calibration_error" in metrics:
        details += (
            f"\n\nExpected calibration error {metrics['calibration_error']:.3f}: by so much the "
            "probabilities of answers differ, in the mean, from the share of them that is right. "
            "They are calibrated on the validation split, if it has enough wrong answers."
        )
    return (
        f"## Results\n\nTest split, {metrics['examples']:,} examples. The best epoch "
        f"was chosen on the validation split ({metric} "
        f"{metrics[f'validation_{metric}']:.4f}).\n\n"
        f"| | {metric} |\n|---|---|\n"
        + "\n".join(rows)
        + ("\n\nIt does not beat that baseline." if task.metric.behind(metrics) else "")
        + (f"\n\n{details.strip()}" if details else "")
    )


def _training(task: Task, metrics: Metrics, options: Any) -> str:
    return (
        "## Training\n\n"
        f"    {training_command(task.program, options)}\n\n"
        f"Seed {metrics['settings']['seed']}, {metrics['epochs']} epochs, "
        f"{metrics['parameters']:,} parameters; "
        f"Keras {version('keras')}, TensorFlow {version('tensorflow')}. All settings are in "
        f"`{catalogue.METRICS_NAME}`."
    )


def _data(data: Any, metrics: Metrics) -> str:
    lines = [f"## Data\n\n`{data.name}`: {metrics['train_examples']:,} training examples."]
    if metrics["settings"]["data"]:
        lines.append(
            "A file of whoever trained this model. Before it is passed on: say here where the data "
            "come from, under what licence, and whom they speak of."
        )
    if data.description:
        lines.append(data.description)
    if data.homepage:
        lines.append(f"Source: {data.homepage}")
    if data.licence or data.homepage:
        lines.append(f"Licence: {data.licence or 'none is stated; see the source'}")
    if data.citation:
        lines.append(f"```bibtex\n{data.citation.strip()}\n```")
    return "\n\n".join(lines)
