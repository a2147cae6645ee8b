"""Files of rows that are open: cut into pieces, and read from where a piece begins."""

import abc
import contextlib
import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow
from pyarrow import parquet

from zoo import genomics
from zoo.datasets.readers.tables import as_text, json_object, require, without_hint
from zoo.errors import UserError

_LONGEST = 2**24  # bytes of a line, or of a record, that are read; more than a predictor takes
_MOST_BYTES = 2**26  # of a piece that has more than one row
_TOGETHER = 1024  # rows of Parquet that are decoded at a time
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Piece:
    """Rows of a file that follow each other.

    Args:
        file: its path; empty for rows that are files themselves.
        first: the number of the first row in the file, from 1.
        rows: how many there are.
        start: where they begin: the byte, before any packing; of Parquet the row group.
        end: where they end: the byte; of Parquet the first row's place in the row group.
        names: the rows that are files themselves.
    """

    file: str
    first: int
    rows: int
    start: int = 0
    end: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class InputRow:
    """A row as it was read.

    Args:
        file: the path of its file.
        number: of the row in it, from 1; a header and blank lines of a table do not count.
        text: what to predict.
        columns: the other columns, by name.
        error: why there is no text to predict.
    """

    file: str
    number: int
    text: str = ""
    columns: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


def form_of(path: Path) -> str:
    """The suffix that tells the format."""
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


class RowFile(abc.ABC):
    """An open file of rows; `columns` are the types of those that are not predicted."""

    columns: dict[str, pyarrow.DataType]

    def __init__(self, path: str, column: str) -> None:
        self.path = path
        self.column = column

    @abc.abstractmethod
    def pieces(self, most_rows: int) -> Iterator[Piece]:
        """Cuts it."""

    @abc.abstractmethod
    def rows(self, piece: Piece) -> Iterator[InputRow]:
        """Those of a piece, without their numbers."""


class _Lines(Iterator[bytes]):
    """The lines between two bytes of a file; `offset` is where the next one begins."""

    def __init__(self, file: BinaryIO, start: int, end: int | None = None) -> None:
        file.seek(start)
        self.offset = start
        self._file = file
        self._end = end

    def __next__(self) -> bytes:
        if self._end is not None and self.offset >= self._end:
            raise StopIteration
        line = self._file.readline(_LONGEST)
        if not line:
            raise StopIteration
        self.offset += len(line)
        rest = line if len(line) == _LONGEST else b"\n"
        while rest and not rest.endswith(b"\n"):  # what no predictor takes is passed over
            rest = self._file.readline(_LONGEST)
            self.offset += len(rest)
        return line


class _LineFile(RowFile):
    """A file of lines, of which a row takes one or several; here each is a row by itself."""

    def __init__(self, path: str, column: str) -> None:
        super().__init__(path, column)
        self._bytes: Any = (gzip.open if path.lower().endswith(".gz") else open)(path, "rb")
        head = self._bytes.read(2**16)
        if not head.strip():
            raise UserError(f"{path}: the file is empty")
        if b"\0" in head:
            raise UserError(f"{path}: this is a binary file, or UTF-16: give text saved as UTF-8")
        self.begin = len(_BOM) if head.startswith(_BOM) else 0
        self.head = head[self.begin :]
        self.columns = {}

    def pieces(self, most_rows: int) -> Iterator[Piece]:
        first, rows, start, end = 1, 0, self.begin, self.begin
        for _, after in self.scan(_Lines(self._bytes, self.begin)):
            if rows == most_rows or (rows and after - start > _MOST_BYTES):
                yield Piece(self.path, first, rows, start, end)
                first, rows, start = first + rows, 0, end
            rows, end = rows + 1, after
        if rows:
            yield Piece(self.path, first, rows, start, end)

    def rows(self, piece: Piece) -> Iterator[InputRow]:
        for number, (record, _) in enumerate(
            self.scan(_Lines(self._bytes, piece.start, piece.end)), piece.first
        ):
            try:
                yield self.row(record, f"{self.path}: row {number}")
            except UserError as error:
                yield InputRow(self.path, number, error=str(error))

    def scan(self, lines: _Lines) -> Iterator[tuple[Any, int]]:
        """The records of lines, each with the byte where it ends."""
        for line in lines:
            yield line, lines.offset

    def row(self, record: Any, place: str) -> InputRow:
        """The row of a record; a UserError, which begins with the place, if it is none."""
        return InputRow(self.path, 0, _decoded(record, place).rstrip("\r\n"))


class _JsonLines(_LineFile):
    def __init__(self, path: str, column: str) -> None:
        super().__init__(path, column)
        first = next(self.scan(_Lines(self._bytes, self.begin)), (b"{}", 0))[0]
        with contextlib.suppress(UserError):  # a row that is none is told of where it stands
            self.columns = dict.fromkeys(self.row(first, path).columns, pyarrow.string())

    def scan(self, lines: _Lines) -> Iterator[tuple[bytes, int]]:
        for line in lines:
            if line.strip():
                yield line, lines.offset

    def row(self, record: bytes, place: str) -> InputRow:
        fields = json_object(place, _decoded(record, place), ())
        rest = {name: value for name, value in fields.items() if name != self.column}
        try:
            require(place, (self.column,), [*fields])
            return InputRow(self.path, 0, as_text(place, self.column, fields[self.column]), rest)
        except UserError as error:
            return InputRow(self.path, 0, columns=rest, error=str(error))


class _Table(_LineFile):
    """CSV or TSV."""

    def __init__(self, path: str, column: str) -> None:
        super().__init__(path, column)
        self._quotes = form_of(Path(path)) != ".tsv"
        self._separator, self._header = "\t", []
        if self._quotes:
            head = self.head.decode(errors="replace").replace("\r\n", "\n")
            table, self._separator = without_hint(head, (column,))
            if len(table) < len(head):  # the first line was about the separator
                self.begin = next(iter(self.scan(_Lines(self._bytes, self.begin))))[1]
        header, self.begin = next(self.scan(_Lines(self._bytes, self.begin)), ([], 0))
        self._header = [name.strip() for name in header] if isinstance(header, list) else []
        require(path, (column,), self._header)
        if repeated := [name for name in self._header if self._header.count(name) > 1]:
            raise UserError(f"{path}: the column '{repeated[0]}' is there twice: rename one")
        self.columns = {name: pyarrow.string() for name in self._header if name != column}

    def scan(self, lines: _Lines) -> Iterator[tuple[list[str] | str, int]]:
        """The fields of records, or why there are none."""
        decoded = (line.decode(errors="surrogateescape") for line in lines)
        records: Any
        if self._quotes:
            records = csv.reader(decoded, strict=True, delimiter=self._separator)
        else:
            records = (line.rstrip("\r\n").split("\t") for line in decoded)
        line = 0
        while True:
            try:
                fields: list[str] | str = next(records)
            except StopIteration:
                return
            except csv.Error as error:
                if "end of data" in str(error):  # all rows behind it would be lost
                    raise UserError(
                        f"{self.path}: a quote is opened and never closed, in one of the last "
                        f"{records.line_num - line} lines: close it, or double a quote that is none"
                    ) from error
                fields = str(error)  # the next record begins with the next line
            line = getattr(records, "line_num", 0)
            blank = not any(map(str.strip, fields))
            if not blank and not (self._header and [*map(str.strip, fields)] == self._header):
                yield fields, lines.offset

    def row(self, record: list[str] | str, place: str) -> InputRow:
        if isinstance(record, str):
            raise UserError(
                f'{place} is not valid CSV ({record}): quote the field and double the " within it'
            )
        if len(record) != len(self._header):
            raise UserError(
                f"{place} has {len(record)} fields where the header has {len(self._header)}"
            )
        if any(map(_has_surrogates, record)):
            raise UserError(f"{place} is not UTF-8: save the file as UTF-8")
        fields = dict(zip(self._header, record, strict=True))
        return InputRow(self.path, 0, fields.pop(self.column), fields)


class Sequences(_LineFile):
    """FASTA or FASTQ."""

    def __init__(self, path: str, column: str) -> None:
        super().__init__(path, column)
        first = next((line for line in _Lines(self._bytes, self.begin) if line.strip()), b"")
        if first[:1] not in (b">", b"#", b"@"):
            raise UserError(f"{path}: line 1 begins neither FASTA nor FASTQ")
        self._four = first[:1] == b"@"
        self.columns = {"name": pyarrow.string()}

    def scan(self, lines: _Lines) -> Iterator[tuple[bytes, int]]:
        record: list[bytes] = []
        size, before = 0, lines.offset
        for line in lines:
            whole = len(record) == 4 if self._four else bool(record) and line.startswith(b">")
            if whole:
                yield b"".join(record), before
                record, size = [], 0
            if (record or line.startswith((b">", b"@"))) and size < _LONGEST:
                record.append(line)
                size += len(line)
            before = lines.offset
        if record:
            yield b"".join(record), before

    def row(self, record: bytes, place: str) -> InputRow:
        (found,) = genomics.decode(record, place)
        return InputRow(self.path, 0, found.sequence, {"name": found.name})


class _Parquet(RowFile):
    def __init__(self, path: str, column: str) -> None:
        super().__init__(path, column)
        self._parquet = parquet.ParquetFile(path)
        schema = self._parquet.schema_arrow
        require(path, (column,), schema.names)
        self.columns = {one.name: one.type for one in schema if one.name != column}
        self._group, self._at = -1, 0  # where the rows are that come next
        self._batches: Iterator[pyarrow.RecordBatch] = iter(())
        self._rest: Any = None  # of a batch

    def pieces(self, most_rows: int) -> Iterator[Piece]:
        first = 1
        for group in range(self._parquet.num_row_groups):
            of_group = self._parquet.metadata.row_group(group).num_rows
            for start in range(0, of_group, most_rows):
                rows = min(most_rows, of_group - start)
                yield Piece(self.path, first, rows, group, start)
                first += rows

    def rows(self, piece: Piece) -> Iterator[InputRow]:
        if piece.start != self._group or piece.end < self._at:
            self._group, self._at = piece.start, 0
            self._batches = self._parquet.iter_batches(_TOGETHER, row_groups=[piece.start])
            self._rest = next(self._batches)
        left = piece.rows
        while left:
            if not self._rest.num_rows:
                self._rest = next(self._batches)
            passed = min(piece.end - self._at, self._rest.num_rows) if self._at < piece.end else 0
            taken = passed or min(left, self._rest.num_rows)
            some, self._rest = self._rest.slice(0, taken), self._rest.slice(taken)
            self._at += taken
            if not passed:
                left -= taken
                yield from map(self._row, some.to_pylist())

    def _row(self, fields: dict[str, Any]) -> InputRow:
        value = fields.pop(self.column)
        try:
            return InputRow(self.path, 0, as_text(self.path, self.column, value), fields)
        except UserError as error:
            return InputRow(self.path, 0, columns=fields, error=str(error))


def _decoded(line: bytes, place: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{place} is not UTF-8 ({error.reason}): save the file as UTF-8") from error


def _has_surrogates(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)


KINDS: dict[str, type[RowFile]] = {
    ".txt": _LineFile,
    ".csv": _Table,
    ".tsv": _Table,
    ".jsonl": _JsonLines,
    ".parquet": _Parquet,
}
