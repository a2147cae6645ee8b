"""Inputs that are files: one of several that cannot be read costs no other its prediction."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from zoo.errors import MissingPackageError, UserError


def names(inputs: Iterable[str]) -> Iterable[str]:
    """The names of files: words of a command line; of lines those that are not blank."""
    if isinstance(inputs, Sequence):
        return inputs
    return (line for line in inputs if line.strip())


def read_each(inputs: Sequence[str], read: Callable[[str], Any]) -> list[Any]:
    """What `read` makes of each name; of one among others that cannot be read, the reason."""
    found: list[Any] = []
    for name in inputs:
        try:
            if not name.strip():
                raise UserError("the name of a file is empty: leave it out")
            found.append(read(name))
        except UserError as error:
            if len(inputs) == 1 or isinstance(error, MissingPackageError):
                raise
            found.append(str(error))
    return found


def of_row(row: Any) -> str:
    """The file that a row of `predict --data` is, or names: from the folder of the row's file."""
    return row.text if row.text == row.file else str(Path(row.file).parent / row.text)


def predictions(found: list[Any], predicted: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A prediction for each of `read_each`: those of what was read, in order, else the `error`."""
    rest = iter(predicted)
    return [{"error": one} if isinstance(one, str) else next(rest) for one in found]
