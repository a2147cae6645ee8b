"""What a task has to say for itself; the command line and the workflow do the rest."""

import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import zoo
from zoo.application.options import EncoderOptions, ModelOptions, TrainingOptions


class Metric(NamedTuple):
    """The figure by which models of a task are judged.

    Attributes:
        name: of the figure that is reported first.
        lower_is_better: whether a model is the better, the lower that figure is.
        compared: names of the figures that `compare` tabulates.
    """

    name: str
    lower_is_better: bool = False
    compared: tuple[str, ...] = ()

    def behind(self, metrics: dict[str, Any]) -> bool:
        """Whether a model is no better than its simple baseline, by what was measured."""
        lead = metrics[self.name] - metrics[f"baseline_{self.name}"]
        return (lead >= 0) if self.lower_is_better else (lead <= 0)


class Published(NamedTuple):
    """A published figure on the same data, for model cards."""

    system: str
    figure: str


class Card(NamedTuple):
    """What model cards say of a task.

    Attributes:
        limits: what a user must not expect.
        examples: a few inputs, whose predictions are shown after training too.
        published: figures of others, by the name of the corpus.
        stand_in: what stands for an input in a card's code where there are no examples.
    """

    limits: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    published: dict[str, tuple[Published, ...]] = {}  # noqa: RUF012 (nobody writes to it)
    stand_in: str = "..."


class Rows(NamedTuple):
    """What the rows of `predict --data` are.

    Attributes:
        column: the one to predict, of a table that has several.
        answer: an example of a prediction, which tells the types of Parquet's columns.
        sequences: suffixes of files in FASTA or FASTQ.
        whole: suffixes of files that are a row each; those that a table names begin at its folder.
    """

    column: str = "text"
    answer: dict[str, Any] | None = None
    sequences: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()


class Verb(NamedTuple):
    """A verb of a task's command line.

    Attributes:
        run: a function of the task, if it is a task's, an object of each class of `options` and an
            `Output`; a dict that it returns is printed under `--json`, an integer is the exit code.
        help: one line.
        options: dataclasses of options (`zoo.application.options`).
        name: that of the function unless it is given.
        tensorflow: whether it needs Keras on TensorFlow, whatever the user trains on.
        result: whether there is one to print, and so `--json`.
    """

    run: Callable[..., dict[str, Any] | int | None]
    help: str
    options: tuple[type, ...]
    name: str = ""
    tensorflow: bool = False
    result: bool = True


class Output(Protocol):
    """What a verb reads from and writes to: `zoo.application.command_line.terminal.Output`.

    Attributes:
        json: whether the result is for a program, one JSON object as the last line.
        given: names of the options that were given rather than left at their default.
        console: rich console for what a person reads: standard output, unless that is for JSON;
            plain text, never wrapped.
    """

    json: bool
    given: frozenset[str]
    console: Any

    def line(self, text: str, end: str = "\n") -> None:
        """Prints a part of the result for a person; nothing where it is for a program."""

    def note(self, text: str) -> None:
        """Prints what is not the result, on standard error."""

    def track(self, results: Iterable[Any], total: int | None = None) -> Iterator[Any]:
        """Results as they come, `total` if that is known, counted on standard error.

        They are counted for a person whom they do not reach: if standard error is a terminal and
        standard output is not.
        """

    def counted(self, counts: Iterable[Any], total: int, done: int) -> Iterator[Any]:
        """Counts of `rows` as they come, added up on standard error, if that is a terminal.

        `done` of a `total` are there before.
        """

    def inputs(self, words: tuple[str, ...]) -> Iterable[str]:
        """The words, or for `-` the lines of standard input; a UserError if they are not UTF-8."""


class Baseline(Protocol):
    """A simple model that a network has to beat; its figures are named as those of the network."""

    def save(self, path: Path) -> None: ...

    def evaluate(self, examples: Any) -> dict[str, Any]: ...


class Application:
    """What has a command line of verbs: a module in `tasks/` subclasses it.

    Everything that needs TensorFlow is reached through `zoo.…` inside the methods, so that the
    command line can parse arguments and print help without loading it.

    Attributes:
        name: of the module in `tasks/`.
        summary: one line for `--help`.
        verbs: what it can do; the first one is done where none is asked for.
    """

    name: str
    summary: str
    verbs: tuple[Verb, ...] = ()

    @property
    def program(self) -> str:
        """How its command line is called: `python -m tasks.NAME`, or as a file of a user's own."""
        spec = getattr(sys.modules.get(type(self).__module__), "__spec__", None)
        return f"python -m {spec.name}" if spec else f"python {shlex.quote(sys.argv[0])}"


class Task(Application):
    """An application with models: it calls `command_line.run`, which adds the verbs of all tasks.

    Attributes:
        name: of the module in `tasks/`, and the beginning of the names of its models.
        corpus: the kind of its data, the name of a module of `zoo.datasets`.
        files: what `--data` takes.
        dataset: the default corpus.
        predictor: the kind of predictor that it builds, by name in `zoo.predictors.PREDICTORS`.
        preset: the model that ships, the default for `evaluate` and `predict`.
        metric: how models are judged.
        card: what model cards say.
        options: a dataclass, those of `train`.
        predict_options: a dataclass, those of `predict`.
        verbs: further verbs, after those that every task has.
        replicas: whether training may use all GPUs of the host.
        rows: what `predict --data` reads.
        predicted_together: inputs that `predict` takes at a time, so that a long pipe gives results
            as it goes.
    """

    corpus: str
    files: str = "CSV, TSV or JSON Lines"
    dataset: str
    predictor: str
    preset: str
    metric: Metric
    card: Card
    options: type[TrainingOptions] = TrainingOptions
    predict_options: type[ModelOptions] = ModelOptions
    replicas: bool = True
    rows: Rows = Rows()
    predicted_together: int = 1024

    def model_name(self, options: Any) -> str:
        """The name of a trained model: `<task>_<architecture>_<dataset>`."""
        direction = "bi" if options.bidirectional else ""
        file = Path(options.data).name.split(".")[0] if options.data else None
        corpus = re.sub(r"[^\w.-]", "_", file or options.dataset or self.dataset)
        return f"{self.name}_{direction}{options.cell}_{corpus}"

    def load_data(self, options: Any) -> Any:
        """The corpus of `--dataset` or `--data`, with `name`, `train`, `validation` and `test`."""
        corpus = getattr(zoo.datasets, self.corpus)
        if options.data:
            files = (options.data, options.validation, options.test)
            return corpus.from_files(*files, limit=options.limit)
        return corpus.load(options.dataset or self.dataset, limit=options.limit)

    def load_test(self, predictor: Any, options: Any, metrics: dict[str, Any]) -> tuple[Any, str]:
        """The examples on which `evaluate` measures a saved model, and their name.

        `metrics` are what the model's training recorded, `dataset` above all. A UserError says that
        the data cannot be read, or that the model does not know their labels.
        """
        corpus = getattr(zoo.datasets, self.corpus)
        if options.data:
            labels = self.labels(predictor)
            return corpus.from_file(options.data, *labels, limit=options.limit), options.data
        name = options.dataset or metrics.get("dataset", self.dataset)
        data = corpus.load(name, limit=options.limit)
        self.check_labels(predictor, data)
        return data.test, name

    def labels(self, predictor: Any) -> tuple[Any, ...]:
        """What must be known of a model to read a file for it: its labels, if it has any."""
        return ()

    def check_labels(self, predictor: Any, data: Any) -> None:
        """Refuses a corpus with labels that the model does not know."""

    def follow(self, options: Any, given: Collection[str]) -> None:
        """Fills in options that follow from saved models which others name.

        `given` are the names of those that the user gave; a UserError refuses a contradiction.
        """
        if isinstance(options, EncoderOptions):
            zoo.application.transfer.follow(options, given)

    def rates(self, predictor: Any, options: Any, steps: int) -> Any:
        """Gives a new network what it begins with, and tells how fast each weight learns.

        See `ClippedAdam`; None for one rate. `steps` are those of an epoch.
        """
        if isinstance(options, EncoderOptions):
            return zoo.application.transfer.rates(predictor, options, steps)
        return None

    def build(self, data: Any, options: Any) -> Any:
        """An untrained predictor for this data; its `compile(optimizer)` chooses the loss."""
        raise NotImplementedError

    def compile(self, predictor: Any, optimizer: Any, options: Any) -> Any:
        """Compiles a predictor; returns the `keras.Model` that `zoo.training.fit` trains."""
        predictor.compile(optimizer)
        return predictor.model

    def batches(self, predictor: Any, examples: Any, options: Any, shuffle: bool) -> Any:
        """Batches of encoded examples for `zoo.training.fit`."""
        return predictor.batches(examples, options.batch_size, shuffle=shuffle, seed=options.seed)

    def expand(self, inputs: Iterable[str]) -> Iterable[Any]:
        """What `predict` is asked for by the words of a command line, or by lines.

        Where a word stands for several inputs, as a file of records, these are what the method
        `predict` gets, and its predictions tell of each as `input` what a person shall read.
        """
        return inputs

    def predict(self, predictor: Any, inputs: list[Any], options: Any) -> list[dict[str, Any]]:
        """The predictions for some raw inputs; `options` are None for the defaults."""
        return predictor.predict(inputs)

    def of_row(self, predictor: Any, row: Any) -> Any:
        """What the method `predict` gets for a `zoo.datasets.readers.row_files.InputRow`."""
        return row.text

    def finish(self, predictions: Iterable[Any], options: Any) -> Iterable[Any]:
        """The predictions as they are made, with what options of `predict` ask for besides."""
        return predictions

    def evaluate(self, predictor: Any, examples: Any) -> dict[str, Any]:
        """Figures of a predictor, a dict that JSON can hold."""
        return predictor.evaluate(examples)

    def fit_baseline(self, data: Any, options: Any) -> Baseline:
        """The simple model that the network has to beat."""
        raise NotImplementedError

    def load_baseline(self, path: Path, predictor: Any) -> Baseline:
        """The baseline that `fit_baseline(...).save(path)` wrote."""
        raise NotImplementedError

    def training_metadata(self, predictor: Any) -> dict[str, Any]:
        """What else is recorded of a trained model, a dict that JSON can hold."""
        return {}

    def pictures(self, metrics: dict[str, Any], predictor: Any, folder: Path) -> Sequence[str]:
        """Draws pictures of an evaluation into a folder; returns their file names."""
        return ()

    def details(self, metrics: dict[str, Any]) -> str:
        """More of an evaluation than one figure: Markdown, or nothing."""
        return ""

    def examples_for(self, metrics: dict[str, Any]) -> Sequence[str]:
        """The examples that suit a trained model, of which `metrics.json` says this."""
        return self.card.examples

    def show(self, prediction: dict[str, Any]) -> str:
        """A prediction as one line for a terminal; colours are left out where it has none."""
        raise NotImplementedError
