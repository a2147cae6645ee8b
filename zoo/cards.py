"""Model cards: what a saved model is, what it was trained on, how well it does, where it ends."""

import shlex
from importlib.metadata import version

from zoo import presets

NAME = "README.md"


def write(task, folder, data, metrics, pictures):
    """Writes the card of a saved model into its folder.

    Args:
        task: the `zoo.task.Task`.
        folder: of the saved model.
        data: the corpus, with `name`, `description`, `homepage`, `licence` and `citation`.
        metrics: what `metrics.json` holds.
        pictures: file names of figures in the folder.
    """
    sections = [
        f"# {folder.name}\n\n{task.summary}",
        _use(task, folder),
        _results(task, data, metrics),
        _training(task, metrics),
        _data(data, metrics),
        _limits(task),
        "\n\n".join(f"![{name.split('.')[0].replace('_', ' ')}]({name})" for name in pictures),
    ]
    text = "\n\n".join(section for section in sections if section) + "\n"
    (folder / NAME).write_text(text, encoding="utf-8")


def _use(task, folder):
    example = task.examples[0] if task.examples else "..."
    return (
        "```python\nimport zoo\n\n"
        f'model = zoo.load("{folder.name}")\n'
        f'model.predict(["{example}"])\n```'
    )


def _results(task, data, metrics):
    rows = [
        f"| this model | {metrics[task.metric]:.4f} |",
        f"| simple baseline on the same data | {metrics[f'baseline_{task.metric}']:.4f} |",
        *(f"| {p.system} (published) | {p.figure} |" for p in task.published.get(data.name, ())),
    ]
    return (
        f"## Results\n\nTest split, {metrics['examples']:,} examples, used once. The best epoch "
        f"was chosen on the validation split ({task.metric} "
        f"{metrics[f'validation_{task.metric}']:.4f}).\n\n"
        f"| | {task.metric} |\n|---|---|\n" + "\n".join(rows)
    )


def _training(task, metrics):
    return (
        "## Training\n\n"
        f"    {command(task, metrics['settings'])}\n\n"
        f"Seed {metrics['settings']['seed']}, {metrics['epochs']} epochs, "
        f"{metrics['parameters']:,} parameters; "
        f"Keras {version('keras')}, TensorFlow {version('tensorflow')}. All settings are in "
        f"`{presets.METRICS_NAME}`."
    )


def command(task, settings):
    """The command that trains with these settings: what differs from the task's defaults."""
    words = ["python", "-m", f"tasks.{task.name}", "train"]
    for name, value in settings.items():
        option = f"--{name.replace('_', '-')}"
        if value is None or value == task.default_of(name):
            continue
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        else:
            words += [option, str(value)]
    return shlex.join(words)


def _data(data, metrics):
    lines = [f"## Data\n\n`{data.name}`: {metrics['train_examples']:,} training examples."]
    if data.description:
        lines.append(data.description)
    if data.homepage:
        lines.append(f"Source: {data.homepage}")
    if data.licence:
        lines.append(f"Licence: {data.licence}")
    if data.citation:
        lines.append(f"```bibtex\n{data.citation.strip()}\n```")
    return "\n\n".join(lines)


def _limits(task):
    if not task.limits:
        return ""
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in task.limits)
