"""Folders of files that users bring: which there are, and reading those that can be read."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from zoo.datasets.readers.left_out import FILES, LeftOut
from zoo.errors import MissingPackageError, UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


def find_files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The files of a folder and its folders with one of these suffixes, by path.

    Hidden ones are none of them, nor are those of hidden folders.
    """
    return [
        path
        for path in sorted(folder.rglob("[!.]*"))
        if path.suffix.lower() in suffixes
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def read_most(
    items: Sequence[Item], read: Callable[[Item], Result], task: str = "Reading"
) -> Iterator[tuple[Item, Result]]:
    """Yields the items that can be read, each with what `read` makes of it; a bar tells how far.

    One that cannot is left out, which is logged, the reason being the message of its `UserError`.
    If most cannot, or for want of a package none, it is an error.
    """
    console = Console(stderr=True)
    left_out = LeftOut("files", len(items), FILES)
    bar = track(items, task, console=console, transient=True, disable=not console.is_terminal)
    for item in bar:
        try:
            result = read(item)
        except MissingPackageError:
            raise
        except UserError as error:
            left_out.add(error)
        else:
            yield item, result
    left_out.tell()
