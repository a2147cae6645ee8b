"""The contract of a predictor, and what predictors share: their gate, and batches by length."""

import abc
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import keras

from zoo.predictors.endpoints import Endpoint
from zoo.text.vocabularies import Vocabulary

_Item = TypeVar("_Item", bound=Sized)
_Result = TypeVar("_Result")


class Predictor(abc.ABC):
    """A trained network with what surrounds it: raw inputs in, labelled results out.

    What inputs, data and settings are, each kind says of its own.

    Attributes:
        kind: the name of the class in saved models.
        model: the network.
    """

    kind: ClassVar[str]
    model: keras.Model

    @abc.abstractmethod
    def predict(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        """One dict for each input, in their order, whatever inputs are beside it.

        A TypeError says that the inputs are one string instead of a list of strings.
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


def list_of_strings(inputs: Iterable[str]) -> list[str]:
    """The inputs of a predictor; a `TypeError` if they are one string, or not strings."""
    if isinstance(inputs, str):
        raise TypeError("give a list of strings, not one string")
    strings = list(inputs)
    for i, item in enumerate(strings):
        if not isinstance(item, str):
            raise TypeError(f"give strings: item {i} is of the type {type(item).__name__}")
    return strings


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


def load_vocabulary(path: Path, size: int | None = None) -> Vocabulary:
    """The vocabulary of a saved model; a `ValueError` if it has another size than is given."""
    vocabulary = Vocabulary.load(path)
    if size is not None and len(vocabulary) != size:
        raise ValueError(f"{path.name} has {len(vocabulary)} tokens instead of {size}")
    return vocabulary
