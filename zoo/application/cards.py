"""Model cards: what a saved model is, what it was trained on, how well it does, where it ends."""

import json
from importlib.metadata import version

from zoo.application.command_line.options import training_command
from zoo.predictors import catalogue

NAME = "README.md"


def card(task, folder, data, metrics, pictures):
    """The card of a saved model, in Markdown.

    Args:
        task: the `zoo.application.task.Task`.
        folder: of the saved model.
        data: the corpus, with `name`, `description`, `homepage`, `licence` and `citation`.
        metrics: what `metrics.json` holds.
        pictures: file names of figures in the folder.
    """
    sections = [
        f"# {folder.resolve().name}\n\n{task.summary}",
        _use(task, folder, metrics),
        _results(task, data, metrics),
        _training(task, metrics),
        _data(data, metrics),
        _limits(task),
        "\n\n".join(f"![{name.split('.')[0].replace('_', ' ')}]({name})" for name in pictures),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _use(task, folder, metrics):
    example = next(iter(task.examples_for(metrics)), "...")
    return (
        "```python\nimport zoo\n\n"
        f"model = zoo.load({_quoted(catalogue.reference(folder))})\n"
        f"model.predict([{_quoted(example)}])\n```"
    )


def _quoted(text):
    """A string as a Python literal; those of JSON are."""
    return json.dumps(text, ensure_ascii=False)


def _results(task, data, metrics):
    details = task.details(metrics)
    # Published figures are of the whole test split.
    published = () if metrics["settings"]["limit"] else task.published.get(data.name, ())
    rows = [
        f"| this model | {metrics[task.metric]:.4f} |",
        f"| simple baseline on the same data | {metrics[f'baseline_{task.metric}']:.4f} |",
        *(f"| {p.system} (published) | {p.figure} |" for p in published),
    ]
    return (
        f"## Results\n\nTest split, {metrics['examples']:,} examples. The best epoch "
        f"was chosen on the validation split ({task.metric} "
        f"{metrics[f'validation_{task.metric}']:.4f}).\n\n"
        f"| | {task.metric} |\n|---|---|\n"
        + "\n".join(rows)
        + (f"\n\n{details}" if details else "")
    )


def _training(task, metrics):
    return (
        "## Training\n\n"
        f"    {training_command(task, metrics['settings'])}\n\n"
        f"Seed {metrics['settings']['seed']}, {metrics['epochs']} epochs, "
        f"{metrics['parameters']:,} parameters; "
        f"Keras {version('keras')}, TensorFlow {version('tensorflow')}. All settings are in "
        f"`{catalogue.METRICS_NAME}`."
    )


def _data(data, metrics):
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


def _limits(task):
    if not task.limits:
        return ""
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in task.limits)
