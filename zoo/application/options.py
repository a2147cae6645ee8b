"""Options as dataclasses: what a verb takes, said once, without any command line.

A field is an option; its type, its default and what `option` says of it are all that
`zoo.application.command_line` needs. A subclass that gives a field another default, or other words
with `option`, keeps what its base says of it besides.
"""

import dataclasses
import shlex
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from zoo.cells import CELLS
from zoo.cells.remember import parse_remember
from zoo.errors import UserError


def option(default: Any, help: str | None = None, **about: Any) -> Any:
    """A field of a dataclass of options.

    Args:
        default: its value where the option is not given.
        help: what it is, for `--help`; `{task.name}` and the like stand for what the task says.
        **about: what else there is to say, all of it optional:
            `name`, the option's where it is not that of the field; `choices`, its only values;
            `least`, `most` and `above`, `below`, bounds of a number, that it may or may not have;
            `what`, the noun of a text that must not be empty; `file`, whether it is the path of a
            file to write; `required`; `flag`, whether there is no `--no-...`; `shown`, the default
            in words; `check`, a function of the value that returns it or raises a `ValueError`;
            `single`, whether it is of inputs that are given one by one, as a `file` is.
    """
    if help is not None:
        about["help"] = help
    return dataclasses.field(default=default, metadata=about)


def argument(metavar: str, required: bool = True) -> Any:
    """A field that takes the words of a command line that are no options, a tuple of strings."""
    return dataclasses.field(default=(), metadata={"metavar": metavar, "required": required})


def fixed(value: Any) -> Any:
    """A field that is no option of a subclass, and has this value."""
    return dataclasses.field(default=value, metadata={"fixed": True})


@dataclass(frozen=True)
class Declared:
    """A field as it was declared.

    Attributes:
        name: of the field.
        type: of its values; of their elements, if `many`.
        many: whether the value is a tuple, one for each time that the option is given.
        default: its default.
        about: what `option` or `argument` says of it, and of the same field in the bases.
    """

    name: str
    type: type
    many: bool
    default: Any
    about: dict[str, Any]

    @property
    def flag(self) -> str:
        """The option as it is written, `--batch-size`."""
        return "--" + self.about.get("name", self.name).replace("_", "-")

    def words(self, value: Any) -> list[str]:
        """The option with a value, as words of a command line."""
        if self.type is bool:
            return [self.flag if value else self.flag.replace("--", "--no-", 1)]
        return [self.flag, str(value)]

    @property
    def one_way(self) -> bool:
        """Whether it is a switch that can only be turned on."""
        return self.type is bool and bool(self.about.get("flag"))


def declared(options: type) -> Iterator[Declared]:
    """The options that a dataclass declares, in the order of its fields."""
    hints = typing.get_type_hints(options)
    for field in dataclasses.fields(options):
        about: dict[str, Any] = {}
        for base in reversed(options.__mro__):
            if own := vars(base).get("__dataclass_fields__", {}).get(field.name):
                about |= own.metadata
        if about.get("fixed"):
            continue
        kind = hints[field.name]
        many = typing.get_origin(kind) is tuple
        if many or isinstance(kind, types.UnionType):
            kind = typing.get_args(kind)[0]
        yield Declared(field.name, kind, many, field.default, about)


def seed_option(default: int | None, help: str) -> Any:
    """`--seed`."""
    return option(default, help, least=0, most=2**32 - 1)


@dataclass
class DataOptions:
    """What data to take, and how much of it."""

    dataset: str | None = option(
        None, "Packaged corpus or TFDS name.  [default: {task.dataset}]", what="name"
    )
    data: str | None = option(None, "Your file instead: {task.files}.", what="file")
    limit: int | None = option(None, "Use so many examples of each split.", least=1)

    def require_one_corpus(self) -> None:
        """Refuses, by a UserError, two corpora, or a part of one that is not named."""
        if self.dataset and self.data:
            raise UserError("give --dataset or --data, not both")


@dataclass
class TrainingOptions(DataOptions):
    """What `train` takes of every task; a task gives the defaults and adds its own."""

    validation: str | None = option(
        None, "Your validation file.  [default: a tenth of --data]", what="file"
    )
    test: str | None = option(None, "Your test file.  [default: a tenth of --data]", what="file")
    cell: str = option("lstm", "The recurrent cell.", choices=tuple(CELLS))
    remember: str | float | None = option(
        None,
        "How the bias of the gate that keeps the memory starts: a number, or chrono:STEPS for "
        "memories of up to so many steps.  [default: 1 for an LSTM, else 0]",
        check=parse_remember,
    )
    layer_norm: bool = option(False, "Normalise the sums of each cell (layer normalisation).")
    zoneout: float = option(
        0.0, "Fraction of entries of each state that a step of training keeps.", least=0, below=1
    )
    units: int = option(64, "Units of a layer, in each direction.", least=1)
    layers: int = option(1, "Recurrent layers on top of each other.", least=1)
    bidirectional: bool = option(True, "Read the sequence in both directions.")
    residual: bool = option(False, "Add each layer's input to its output.")
    dropout: float = option(0.5, "Fraction of values set to 0 in training.", least=0, below=1)
    epochs: int = option(10, "Most passes over the training split.", least=1)
    patience: int = option(2, "Stop after so many epochs without a better one.", least=1)
    monitor: str = option("loss", "The validation figure by which the best epoch is chosen.")
    batch_size: int = option(64, "Examples in a step of training.", least=1)
    learning_rate: float = option(1e-3, "Of Adam, at the beginning.", above=0)
    schedule: str = option(
        "cosine",
        "Of the learning rate; cosine falls to 0 over all epochs.",
        choices=("constant", "cosine"),
    )
    warm_up: float = option(
        0.0, "Part of the training in which the learning rate rises from 0.", least=0, below=1
    )
    weight_average: float = option(
        0.0,
        "Decay of a moving average of the weights, which is validated and saved; 0 for none.",
        least=0,
        below=1,
    )
    clip_norm: float = option(1.0, "Largest global norm of the gradient.", above=0)
    clip_order: str = option("2", "Which norm: L1 or L2.", choices=("1", "2"))
    mixed_precision: bool = option(False, "Compute in bfloat16, keep weights in float32.")
    seed: int = seed_option(1, "Of initial weights, dropout and the order of examples.")
    hosts: str | None = option(
        None,
        "HOST:PORT,HOST:PORT,... that train together, on JAX; they meet at the first.",
        what="list of addresses",
    )
    host_index: int | None = option(None, "Which of --hosts this one is, from 0.", least=0)
    out: str | None = option(
        None, "Folder of the model.  [default: a new one in saved_models/]", what="folder"
    )
    resume: bool = option(False, "Go on with the run in --out.", flag=True)
    overwrite: bool = option(False, "Replace the model in --out.", flag=True)

    def resolve(self) -> None:
        """Fills in the options whose defaults depend on others, before a training begins."""

    def suit(self, data: Any) -> dict[str, Any]:
        """Fills in the options whose defaults depend on the data; returns these, by name."""
        return {}

    def fill(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """Gives the options that were not given these defaults; returns those that it gave."""
        filled = {name: v for name, v in defaults.items() if getattr(self, name) is None}
        vars(self).update(filled)
        return filled

    def fill_in(self, level: str) -> None:
        """Gives the options that were not given the defaults that suit a level: see `by_level`."""
        fields = (field for field in declared(type(self)) if "by_level" in field.about)
        self.fill({field.name: field.about["by_level"][level] for field in fields})

    def require_one_corpus(self) -> None:
        super().require_one_corpus()
        if not self.data and (self.validation or self.test):
            raise UserError("--validation and --test go with --data")

    def recurrence(self) -> dict[str, Any]:
        """The arguments of a network that say what its recurrence is.

        A UserError says that the cell does not take one of them.
        """
        if self.remember is not None and not CELLS[self.cell].keeps:
            raise UserError(f"{self.cell} has no gate that keeps: leave --remember out")
        options = {
            "remember": self.remember,
            "layer_norm": self.layer_norm or None,
            "zoneout": self.zoneout or None,
        }
        cell_options = {name: value for name, value in options.items() if value is not None}
        shared = {name: getattr(self, name) for name in ("cell", "units", "layers", "residual")}
        return {**shared, "cell_options": cell_options}

    def recorded(self) -> dict[str, Any]:
        """The options that a repetition of the run needs, by name."""
        fields = {option.name for option in declared(type(self))} - OF_THE_CALL
        return {name: value for name, value in vars(self).items() if name in fields}


@dataclass
class EncoderOptions(TrainingOptions):
    """What `train` takes besides of tasks whose networks can begin with a language model."""

    encoder: str | None = option(
        None,
        "Begin with the tokens, vectors and recurrence of a language model; MODEL,MODEL for both "
        "directions.",
        what="model",
    )
    rate_factor: float = option(
        2.6, "How much slower each trained layer learns than the one above it.", least=1
    )
    unfreeze_every: int = option(
        1, "Epochs until one more trained layer learns, from the top; 0 for all at once.", least=0
    )

    encoder_levels: ClassVar[tuple[str, ...]] = ("word",)
    """What the tokens of language models for `encoder` may be."""

    def of_encoder(self, encoder: Any) -> dict[str, Any]:
        """The values of options that follow from a `TextEncoder`, but for those of all tasks."""
        return {}


@dataclass
class WordOptions(EncoderOptions):
    """What `train` takes besides of tasks that read words."""

    embedding_dim: int = option(
        100, "Size of the word vectors; with --vectors that of the file.", least=1
    )
    vectors: str | None = option(
        None, "Pretrained word vectors, in the text form of word2vec or GloVe.", what="file"
    )
    word_dropout: float = option(
        0.3, "Fraction of words replaced by <UNK> in training.", least=0, below=1
    )
    start_from: str | None = option(
        None, "Go on from a saved model of the task; other labels get a new head.", what="model"
    )
    adversarial: float = option(
        0.0, "Size of the changes of word vectors in adversarial training, 0 for none.", least=0
    )

    def of_encoder(self, encoder: Any) -> dict[str, Any]:
        return {"vectors": None}


OF_THE_CALL = frozenset({"hosts", "host_index", "out", "resume", "overwrite"})
"""Options of `train` that are of a call, not of the run that it begins or goes on with."""


@dataclass
class ModelOptions:
    """Which saved model; the one that ships for the task unless another is given."""

    model: str | None = option(
        None,
        "Name or folder of a saved model; `python -m zoo` lists them.  [default: {task.preset}]",
        what="model",
    )


@dataclass
class ManyOptions:
    """What verbs take that can predict more inputs than a command line or a memory holds."""

    data: str | None = option(
        None, "Predict the rows of these files: one, a folder, or a 'pattern*'.", what="path"
    )
    out: str | None = option(
        None, "Folder of the predictions of --data; parts that it has are kept.", what="folder"
    )
    text_column: str | None = option(
        None, "What is predicted, of tables.  [default: {task.rows.column}]", what="name"
    )
    file_format: str = option(
        "jsonl", "Of what is written to --out.", name="format", choices=("jsonl", "parquet")
    )
    part_rows: int | None = option(
        None, "Rows of a part of --out.  [default: 8 times {task.predicted_together}]", least=1
    )
    engine: str = option(
        "local", "One process, or those of Ray on one machine or many.", choices=("local", "ray")
    )
    actors: int | None = option(
        None, "Processes of --engine ray.  [default: the processors less one]", least=1
    )


def training_command(program: str, options: TrainingOptions) -> str:
    """The command line of `train` of a `Task.program`, with the options that are no defaults.

    Options whose defaults depend on the data (`TrainingOptions.suit`) are told.
    """
    fields = list(declared(type(options)))
    # A default that is told in words is the one that goes with the other options of this run.
    told = (field.name for field in fields if field.default is None and "shown" in field.about)
    depends: dict[str, Any] = dict.fromkeys(told)
    resolved = dataclasses.replace(options, **depends)
    resolved.resolve()
    words = [*shlex.split(program), "train"]
    for field in fields:
        value = getattr(options, field.name)
        default = getattr(resolved, field.name) if field.name in depends else field.default
        if field.name not in OF_THE_CALL and value is not None and value != default:
            words += field.words(value)
    return shlex.join(words)


def by_level(
    levels: tuple[str, ...], defaults: tuple[Any, ...], help: str | None = None, **about: Any
) -> Any:
    """An `option` whose default is the one that suits the level of the tokens."""

    def shown(value: Any) -> Any:
        return ("off", "on")[value] if isinstance(value, bool) else value

    suits = dict(zip(levels, defaults, strict=True))
    words = "; ".join(f"{shown(value)} for {level}s" for level, value in suits.items())
    return option(None, help, shown=words, by_level=suits, **about)
