"""Files of more rows than memory holds: cut into pieces, and read a piece at a time."""

import contextlib
import glob
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pyarrow

from zoo.datasets.readers.folders import find_files
from zoo.datasets.readers.left_out import FILES, LeftOut
from zoo.datasets.readers.row_files import KINDS, InputRow, Piece, RowFile, Sequences, form_of
from zoo.datasets.readers.tables import quoted
from zoo.errors import UserError

_UNREADABLE = (OSError, EOFError, zlib.error, pyarrow.ArrowException)


def find(data: str, out: Path, more: Sequence[str] = ()) -> list[Path]:
    """The files that are meant by a path, a folder or a pattern, sorted, hidden ones left out.

    Args:
        data: of a folder those files count whose suffix is known.
        out: a folder where none of them may lie.
        more: suffixes that count besides tables.

    Raises:
        UserError: there is none, or one whose suffix is unknown, or in `out`.
    """
    known = (*KINDS, *more)
    place = Path(data)
    if place.is_dir():
        found = [path for path in find_files(place, (*known, ".gz")) if form_of(path) in known]
    elif place.exists():
        found = [place]
    else:
        found = sorted(
            path for path in map(Path, glob.glob(data, recursive=True)) if path.is_file()
        )
    if not found:
        what = "no file in it has" if place.is_dir() else "there is no such file, nor one with"
        raise UserError(f"{data}: {what} a name in {quoted(known)}")
    for path in found:
        if form_of(path) not in known:
            raise UserError(f"{path}: the name must end in {', '.join(known)}, or these and .gz")
    if any(path.resolve().is_relative_to(out.resolve()) for path in (place, *found)) or (
        place.is_dir() and out.resolve().is_relative_to(place.resolve())
    ):
        raise UserError(f"{out} lies among the data: give another --out")
    return found


class Reader:
    """Reads pieces of files; those of a file in their order without going back in it.

    Args:
        column: of tables, the one to predict.
        sequences: suffixes of files in FASTA or FASTQ.
        whole: suffixes of files that are a row each.
    """

    def __init__(
        self, column: str, sequences: Sequence[str] = (), whole: Sequence[str] = ()
    ) -> None:
        self._column = column
        self._kinds = KINDS | dict.fromkeys(sequences, Sequences)
        self._whole = whole
        self._open: RowFile | None = None

    def plan(
        self, paths: Sequence[Path], most_rows: int
    ) -> tuple[list[Piece], dict[str, pyarrow.DataType]]:
        """Cuts files into pieces, reading each once; and the types of their other columns.

        One of several that is empty, damaged or without the column is left out, which is logged
        (`LeftOut`).

        Raises:
            UserError: a file, or most of several, are so, or a column has two types.
        """
        names = [str(path) for path in paths if form_of(path) in self._whole]
        pieces = [Piece("", 1, len(some), names=some) for some in _batched(names, most_rows)]
        types: dict[str, pyarrow.DataType] = {}
        left_out = LeftOut("files", len(paths), FILES if len(paths) > 1 else 0)
        for path in paths:
            if form_of(path) in self._whole:
                continue
            try:
                own, columns = self._planned(path, most_rows)
            except UserError as error:
                left_out.add(error)
                continue
            pieces += own
            for name, kind in columns.items():
                if types.setdefault(name, kind) != kind:
                    raise UserError(f"{path}: the column '{name}' is {kind}, before {types[name]}")
        left_out.tell()
        return pieces, types

    def _planned(
        self, path: Path, most_rows: int
    ) -> tuple[list[Piece], dict[str, pyarrow.DataType]]:
        """The pieces of a file of several rows, and the types of its other columns."""
        with self._damage_told(path):
            file = self._file(str(path))
            pieces = [*file.pieces(most_rows)]
        if not pieces:
            raise UserError(f"{path}: there is no row in it")
        return pieces, file.columns

    def rows(self, piece: Piece) -> Iterator[InputRow]:
        """The rows of a piece, whose file is as it was planned."""
        if piece.names:
            for name in piece.names:
                yield InputRow(name, 1, name)
            return
        with self._damage_told(piece.file):
            for number, row in enumerate(self._file(piece.file).rows(piece), piece.first):
                yield replace(row, number=number)

    def _file(self, path: str) -> "RowFile":
        if self._open is None or self._open.path != path:
            self._open = self._kinds[form_of(Path(path))](path, self._column)
        return self._open

    @contextlib.contextmanager
    def _damage_told(self, path: str | Path) -> Iterator[None]:
        try:
            yield
        except _UNREADABLE as error:
            raise UserError(f"{path} cannot be read: {str(error) or 'it is cut off'}") from error


def _batched(names: list[str], most: int) -> Iterator[tuple[str, ...]]:
    rest = iter(names)
    while some := tuple(islice(rest, most)):
        yield some
