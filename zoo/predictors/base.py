"""The contract of a predictor, and what predictors share: their gate, and batches by length."""

import abc
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set, Sized
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import keras
import numpy as np

from zoo.errors import UserError
from zoo.predictors.calibration import Calibration
from zoo.predictors.endpoints import Endpoint
from zoo.text.normalization import normalize
from zoo.text.special_tokens import END_ID, UNKNOWN_ID
from zoo.text.vocabularies import Vocabulary

_SURROGATE = re.compile("[\ud800-\udfff]")
_Item = TypeVar("_Item", bound=Sized)
_Result = TypeVar("_Result")


class Predictor(abc.ABC):
    """A trained network with what surrounds it: raw inputs in, labelled results out.

    What inputs, data and settings are, each kind says of its own.

    Attributes:
        kind: the name of the class in saved models.
        calibration: what makes its probabilities true, and tells familiar inputs from others.
        longest: the most characters of one text: a longer one would take the memory and the time of
            all others.
        encoder_layers: the layers that can begin with those of a language model.
        model: the network.
    """

    kind: ClassVar[str]
    longest: ClassVar[int] = 2**17
    encoder_layers: ClassVar[tuple[str, str]] = ("embedding", "recurrence")
    calibration: Calibration = Calibration()
    model: keras.Model

    @abc.abstractmethod
    def predict(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        """One dict for each input, in their order, whatever inputs are beside it.

        A TypeError says that the inputs are no list of strings, a UserError that one of them is
        longer than this kind takes.
        """

    @abc.abstractmethod
    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Figures of merit by name, and `examples`, the number of what was measured."""

    @abc.abstractmethod
    def compile(self, *args: Any, **kwargs: Any) -> keras.Model:
        """Compiles what is trained, which has the weights of `model`, and returns it."""

    @abc.abstractmethod
    def batches(self, *args: Any, **kwargs: Any) -> Any:
        """Batches of examples, for `zoo.training.fit`."""

    def calibrate(self, train: Any, validation: Any) -> None:
        """Learns `calibration` from the data of a corpus; of what has no right answer, nothing."""
        self.calibration = Calibration()

    @abc.abstractmethod
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What a served model answers to."""

    def resources(self) -> tuple:
        """What `endpoints` use beside the model, for an export to keep."""
        return ()

    @abc.abstractmethod
    def save_assets(self, folder: Path) -> dict[str, Any]:
        """Writes what the Keras archive does not hold; returns what else to remember of it."""

    @classmethod
    @abc.abstractmethod
    def load_assets(cls, folder: Path, config: dict[str, Any], model: keras.Model) -> Self:
        """The predictor of a model and what `save_assets` wrote and returned.

        Raises:
            UserError: a file cannot be read.
            KeyError, TypeError, ValueError: the parts are not those of one model.
        """


def texts_of(inputs: Iterable[str], longest: int | None = None) -> list[str]:
    """The inputs of a predictor, normalised, of which none has more than `longest` characters.

    Raises:
        TypeError: as `list_of`.
        UserError: one is longer.
    """
    texts = list_of(inputs)
    for i, text in enumerate(texts):
        if longest is not None and len(text) > longest:
            raise UserError(
                f"item {i} has {len(text):,} characters, and {longest:,} are the most: cut it"
            )
    return [normalize(text) for text in texts]


def list_of(inputs: Any) -> list[str]:
    """What callers hand over: the one gate before every network.

    Args:
        inputs: a list of strings, or a tuple, a generator, an array or a column of a table.

    Raises:
        TypeError: they are something else, or an item is no string.
    """
    if isinstance(inputs, str | bytes | Mapping | Set) or hasattr(inputs, "columns"):
        kind = "one string" if isinstance(inputs, str) else f"a {type(inputs).__name__}"
        raise TypeError(f"give a list of strings, not {kind}")
    if getattr(inputs, "ndim", 1) != 1:
        raise TypeError(f"give a list of strings, not an array of the shape {inputs.shape}")
    if not isinstance(inputs, Iterable):
        raise TypeError(f"give a list of strings, not {inputs!r}")
    return [_text_of(i, item) for i, item in enumerate(inputs)]


def _text_of(index: int, item: Any) -> str:
    if not isinstance(item, str):
        shown = reprlib.repr(item)
        raise TypeError(f"give strings: item {index} is {shown}, of the type {type(item).__name__}")
    if _SURROGATE.search(item):
        raise TypeError(f"give strings: item {index} has half of a surrogate pair, no character")
    return str(item)


def map_by_length(
    function: Callable[[list[_Item]], Iterable[_Result]],
    items: Sequence[_Item],
    batch_size: int,
    most_steps: int | None = None,
) -> list[_Result]:
    """The results of a function of batches, in the order of the items.

    Items of similar length are in one batch, so that little of it is padding: at most `batch_size`,
    and if they are two or more, at most `most_steps` steps, padding included.
    """
    results: dict[int, _Result] = {}
    for batch in batches_by_length([len(item) for item in items], batch_size, most_steps):
        found = function([items[i] for i in batch])
        results.update(zip(batch, found, strict=True))
    return [results[i] for i in range(len(items))]


def batches_by_length(
    lengths: Sequence[int], batch_size: int, most_steps: int | None = None
) -> Iterator[list[int]]:
    """Yields the indices of each batch, the shortest first; arguments as of `map_by_length`."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        too_wide = most_steps is not None and (len(batch) + 1) * lengths[i] > most_steps
        if len(batch) == batch_size or (batch and too_wide):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def unknown_share(ids: np.ndarray) -> np.ndarray:
    """The share of `<UNK>` among the tokens of rows, (batch,), of padded ids (batch, timesteps).

    A row without tokens is as unknown as can be: 1.
    """
    unknown = (ids == UNKNOWN_ID).sum(axis=1)
    tokens = unknown + (ids > END_ID).sum(axis=1)
    return np.where(tokens, unknown / np.maximum(tokens, 1), 1.0)


def load_vocabulary(path: Path, size: int | None = None) -> Vocabulary:
    """The vocabulary of a saved model; a `ValueError` if it has another size than is given."""
    vocabulary = Vocabulary.load(path)
    if size is not None and len(vocabulary) != size:
        raise ValueError(f"{path.name} has {len(vocabulary)} tokens instead of {size}")
    return vocabulary
