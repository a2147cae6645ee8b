"""What a task has to say for itself; the command line and the workflow do the rest."""

from dataclasses import dataclass, field
from pathlib import Path

COMMON_DEFAULTS = {
    "bidirectional": True,
    "residual": False,
    "clip_order": "2",
    "schedule": "cosine",
    "monitor": "loss",
    "seed": 1,
    "mixed_precision": False,
}
"""Defaults of the options of `train` that are the same for every task."""


@dataclass(frozen=True)
class Published:
    """A published figure on the same data, for model cards."""

    system: str
    figure: str


class Task:
    """One application: a module in `tasks/` subclasses it and calls `command_line.run`.

    Everything that needs TensorFlow is reached through `zoo.…` inside the methods, so that the
    command line can parse arguments and print help without loading it.

    Attributes:
        name: of the module in `tasks/`, and the beginning of the names of its models.
        summary: one line for `--help`.
        predictor: the kind of predictor that it builds, by name in `zoo.predictors.PREDICTORS`.
        dataset: the default dataset.
        preset: the model that ships, the default for `evaluate` and `predict`.
        defaults: default of each option of `train` that depends on the task, by parameter name.
        options: further `click.Option`s of `train`.
        predict_options: further `click.Option`s of `predict`.
        without: names of common options of `train` that make no sense for the task.
        defaults_in_words: where the default of an option depends on another, what `--help` says of
            it, by parameter name; the default itself is None, until `resolve`.
        verbs: names of further verbs, in `zoo.application.command_line.verbs.VERBS`.
        file_formats: what `--data` takes.
        limit_help: what `--limit` counts.
        replicas: whether training may use all GPUs of the host.
        predicted_together: inputs that `predict` takes at a time, so that a long pipe gives results
            as it goes.
        metric: name of the figure that is reported first.
        lower_is_better: whether a model is the better, the lower that figure is.
        examples: a few inputs whose predictions are shown after training.
        compared: names of the figures that `compare` tabulates.
        published: figures of others, by dataset name.
        limits: what a user must not expect, for model cards.
    """

    name: str
    summary: str
    predictor: str
    dataset: str
    preset: str
    defaults: dict
    options: tuple = ()
    predict_options: tuple = ()
    without: frozenset[str] = frozenset()
    defaults_in_words: dict[str, str] = {}  # noqa: RUF012 (subclasses replace it)
    verbs: tuple[str, ...] = ()
    file_formats: str = "CSV, TSV or JSON Lines"
    limit_help: str = "Use so many examples of each split."
    replicas: bool = True
    predicted_together: int = 1024
    metric: str = "accuracy"
    lower_is_better: bool = False
    examples: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    published: dict[str, tuple[Published, ...]] = {}  # noqa: RUF012 (subclasses replace it)
    limits: tuple[str, ...] = ()

    def default_of(self, option):
        """The default of an option of `train`, by parameter name; None where it has none."""
        own = {o.name: o.default for o in self.options}
        return {"dataset": self.dataset, **COMMON_DEFAULTS, **own, **self.defaults}.get(option)

    def resolve(self, settings):
        """Fills in the options whose defaults depend on others, before a training begins."""

    def model_name(self, settings):
        """The name of a trained model: `<task>_<architecture>_<dataset>`."""
        direction = "bi" if settings.values.get("bidirectional") else ""
        file = Path(settings.data).name.split(".")[0] if settings.data else None
        corpus = (file or settings.dataset or self.dataset).replace("/", "_")
        return f"{self.name}_{direction}{settings.cell}_{corpus}"

    def load_data(self, settings):
        """The corpus of `--dataset` or `--data`, with `name`, `train`, `validation` and `test`."""
        raise NotImplementedError

    def load_test(self, predictor, settings, metrics):
        """The examples on which `evaluate` measures a saved model, and their name.

        `metrics` is what its training recorded, `dataset` above all.
        """
        raise NotImplementedError

    def build(self, data, settings):
        """An untrained predictor for this data; its `compile(optimizer)` chooses the loss."""
        raise NotImplementedError

    def compile(self, predictor, optimizer, settings):
        """Compiles a predictor; returns the `keras.Model` that `zoo.training.fit` trains."""
        predictor.compile(optimizer)
        return predictor.model

    def sentences(self, data):
        """The training split as lists of words, for the verb `vectors`."""
        raise NotImplementedError

    def batches(self, predictor, examples, settings, shuffle):
        """Batches of encoded examples for `zoo.training.fit`."""
        raise NotImplementedError

    def predict(self, predictor, inputs, settings):
        """The predictions for a list of inputs, a list of dicts.

        `settings` are those of `predict`, or None for predictions with the defaults.
        """
        del settings
        return predictor.predict(inputs)

    def evaluate(self, predictor, examples):
        """Metrics of a predictor: a dict that JSON can hold."""
        raise NotImplementedError

    def remember(self, predictor):
        """What else is recorded of a trained model, a dict that JSON can hold."""
        return {}

    def fit_baseline(self, data, settings):
        """The simple model that the network has to beat, with `save`."""
        raise NotImplementedError

    def load_baseline(self, path, predictor):
        """The baseline that `fit_baseline(...).save(path)` wrote."""
        raise NotImplementedError

    def evaluate_baseline(self, baseline, examples):
        """Metrics of the baseline, named as `evaluate` names them."""
        raise NotImplementedError

    def draw(self, metrics, predictor, folder):
        """Draws pictures of an evaluation into a folder; returns their file names."""
        return ()

    def details(self, metrics):
        """More of an evaluation than one figure: a Markdown table, or nothing."""
        return ""

    def recorded(self, predictions, settings):
        """The predictions, as they are made, with what `predict_options` ask for besides."""
        return predictions

    def examples_for(self, metrics):
        """The `examples` that suit a trained model, of which `metrics.json` says this."""
        del metrics
        return self.examples

    def show_score(self, score):
        """A text and its score, of tasks that score, as one line for a terminal."""
        raise NotImplementedError

    def show(self, prediction):
        """A prediction as one line for a terminal; colours are left out where it has none."""
        raise NotImplementedError


@dataclass
class Settings:
    """The options of a run, by parameter name: `settings.batch_size`; kept beside the run."""

    values: dict = field(default_factory=dict)

    def __getattr__(self, name):
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None
