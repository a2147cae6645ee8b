"""Reads the tables that users bring, CSV, TSV or JSON Lines, and says exactly what is wrong."""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from zoo.datasets.readers.left_out import ROWS, LeftOut
from zoo.errors import UserError
from zoo.music.files import read_bytes, unpack
from zoo.text.normalization import normalize

SUFFIXES = (".csv", ".tsv", ".jsonl")  # each may be followed by .gz


@dataclass(frozen=True)
class Row:
    """One record of a table: its fields by column, and the line of the file where it starts."""

    line: int
    fields: dict[str, str]


def read_table(path: str | Path, columns: Iterable[str]) -> list[Row]:
    """Reads a table whose suffix tells its format, UTF-8, gzipped if it ends in `.gz`.

    - `.csv`: comma-separated with a header; fields may be quoted and hold line breaks (RFC 4180).
      Where the header has its columns between semicolons, as German and French programs write
      them, or tabs, so have the rows.
    - `.tsv`: tab-separated with a header; nothing is quoted, as a quotation mark is text.
    - `.jsonl`: one JSON object a line; numbers and truth values become text.

    Blank lines are passed over, and so is the header where it comes again. Those `columns` must be
    there; others are kept as they are. A malformed record of one line is left out, which is logged
    (`LeftOut`); one of several lines may have swallowed good ones.

    Raises:
        UserError: the file is missing, empty, of another format, binary, not UTF-8, or damaged;
            a column is missing; a record of several lines, or more than a tenth of all, are
            malformed. The message names the line where it can.
    """
    path = Path(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    parse = _PARSERS.get(suffixes[-1] if suffixes else "")
    if parse is None:
        raise UserError(
            f"{path}: the name must end in {', '.join(SUFFIXES)} (or one of these and .gz), "
            "for it tells the format"
        )
    found = list(parse(path, read_text(path), tuple(columns)))
    if not found:
        raise UserError(f"{path}: there is a header but no row below it")
    left_out = LeftOut("rows", len(found), ROWS)
    for row in found:
        if isinstance(row, UserError):
            left_out.add(row)
    left_out.tell()
    return [row for row in found if isinstance(row, Row)]


def read_text(path: str | Path) -> str:
    """Reads a UTF-8 file whole and normalised, unpacking it if its name ends in `.gz`.

    A UserError says that it is missing, unreadable, empty, binary or not UTF-8.
    """
    path = Path(path)
    content = read_bytes(path)
    if path.suffix.lower() == ".gz":
        content = unpack(content, path)
    if not content.strip():
        raise UserError(f"{path}: the file is empty")
    if (zero := content.find(b"\0")) >= 0:
        raise UserError(
            f"{path}: the byte at offset {zero} is zero, so it is a binary file or UTF-16 text: "
            "give a text file saved as UTF-8"
        )
    try:
        return normalize(content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}: the byte at offset {error.start} (line {line}) is not UTF-8: "
            "save the file as UTF-8"
        ) from error


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a text from number 1, without what ends them.

    A byte order mark at the beginning of one is left of another file that was joined to this.
    """
    # Only line feeds end a line: str.splitlines would also break at characters that occur in text.
    return enumerate((line.removeprefix("\ufeff") for line in text.split("\n")), 1)


def quoted(names: Iterable[str]) -> str:
    """Names for a message: 'a', 'b'."""
    return ", ".join(f"'{name}'" for name in names)


# The line where a record starts, its fields or what is wrong, and how many more lines it has.
_Record: TypeAlias = tuple[int, list[str] | UserError, int]
_Found: TypeAlias = Iterator[Row | UserError]


def _read_csv(path: Path, text: str, columns: tuple[str, ...]) -> _Found:
    # A long document is no error, so the module's limit on a field gives way for this file.
    limit = csv.field_size_limit(max(len(text), csv.field_size_limit()))
    text, separator = without_hint(text, columns)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    records: list[_Record] = []
    start, more = 1, True
    try:
        while more:
            try:
                fields = next(reader, None)
                more = fields is not None
                found: list[str] | UserError = fields or []
            except csv.Error as error:
                found = UserError(
                    f"{path}: the record that starts on line {start} is not valid CSV ({error}): "
                    'quote the field and double the " within it'
                )
                if reader.line_num > start or "end of data" in str(error):
                    raise found from error
            records.append((start, found, reader.line_num - start))
            start = reader.line_num + 1
    finally:
        csv.field_size_limit(limit)
    hints = f"quote a field that holds '{separator}'", "quote a field that holds a line break"
    return _with_header(path, records, columns, hints)


def without_hint(text: str, columns: tuple[str, ...]) -> tuple[str, str]:
    """A table, and what stands between its columns, by its header; a comma if nothing fits.

    Excel may write a line before the header that says it: `sep=;`. It becomes a blank one.
    """
    if hint := re.match(r"sep=(.)(?=\n)", text):
        return text[hint.end() :], hint[1]
    header = text.lstrip("\n").partition("\n")[0]
    for separator in ",;\t|":
        found = next(csv.reader([header], delimiter=separator), [])
        if {name.strip() for name in found}.issuperset(columns):
            return text, separator
    return text, ","


def _read_tsv(path: Path, text: str, columns: tuple[str, ...]) -> _Found:
    records: list[_Record] = [(n, line.split("\t"), 0) for n, line in numbered_lines(text)]
    hints = "replace a tab within a field", "replace a line break within a field"
    return _with_header(path, records, columns, hints)


def _with_header(
    path: Path, records: list[_Record], columns: tuple[str, ...], hints: tuple[str, str]
) -> _Found:
    """Yields the rows below the first record, which names the columns, and what is wrong.

    The hints are for rows with too many fields, and too few.
    """
    filled = (r for r in records if isinstance(r[1], UserError) or any(map(str.strip, r[1])))
    _, first, _ = next(filled, (1, [], 0))
    if isinstance(first, UserError):
        raise first
    header = [name.strip() for name in first]
    require(path, columns, header)
    if repeated := [name for name in columns if header.count(name) > 1]:
        times = header.count(repeated[0])
        raise UserError(f"{path}: the column '{repeated[0]}' is there {times} times")
    for line, fields, more in filled:
        if isinstance(fields, UserError):
            yield fields
            continue
        names = [name.strip() for name in fields]
        if names == header or [names[0].removeprefix("\ufeff"), *names[1:]] == header:
            continue
        if set(columns).issubset(names):
            raise UserError(
                f"{path}: line {line} is another header, {_listed(names)}: give files of one form"
            )
        if len(fields) == len(header):
            yield Row(line, dict(zip(header, fields, strict=True)))
            continue
        few = len(fields) < len(header)
        wrong = UserError(
            f"{path}: line {line} has {len(fields)} field{'s' * (len(fields) > 1)} where the "
            f"header has {len(header)}: {'add what is missing, or ' * few}{hints[few]}"
        )
        if more:
            raise wrong
        yield wrong


def _read_jsonl(path: Path, text: str, columns: tuple[str, ...]) -> _Found:
    for number, line in numbered_lines(text):
        if not line.strip():
            continue
        place = f"{path}: line {number}"
        try:
            record = json_object(place, line, columns)
            fields = {name: normalize(as_text(place, name, record[name])) for name in columns}
        except UserError as error:
            yield error
        else:
            yield Row(number, fields)


def json_object(place: str, line: str | bytes, columns: tuple[str, ...]) -> dict[str, object]:
    """The object that a line of JSON Lines is; a UserError, if it has not all of the columns."""
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{place} is not JSON ({_why_not(error)}): each line must be one whole object"
        ) from error
    if not isinstance(record, dict):
        raise UserError(f"{place} is not a JSON object{' with ' * bool(columns)}{_listed(columns)}")
    require(place, columns, list(record))
    return record


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _why_not(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    if isinstance(error, RecursionError):
        return "lists within lists, too deep"
    return "a number of thousands of digits" if "int_max_str" in str(error) else str(error)


def as_text(place: str, name: str, value: object) -> str:
    """A value of a column as text; a UserError, if it is none or half a character."""
    if isinstance(value, bool | int | float) and math.isfinite(value):
        return json.dumps(value)
    if not isinstance(value, str):
        raise UserError(f"{place}: '{name}' must be a string or a finite number")
    try:
        value.encode()  # JSON can spell half of a surrogate pair, which is no character
    except UnicodeEncodeError as error:
        raise UserError(f"{place}: '{name}' holds a lone surrogate") from error
    return value


def require(place: str | Path, columns: tuple[str, ...], found: list[str]) -> None:
    """Refuses, by a UserError, a table without one of the columns."""
    if missing := [name for name in columns if name not in found]:
        raise UserError(
            f"{place}: no column {_listed(missing)}; the columns found are {_listed(found)}"
        )


def _listed(names: Sequence[str]) -> str:
    """Names in quotes, cut short: without a header a whole record stands for the names."""
    cut = (name if len(name) <= 40 else f"{name[:37]}..." for name in names[:10])
    return quoted(cut) + (", ..." if len(names) > 10 else "")


_PARSERS: dict[str, Callable[[Path, str, tuple[str, ...]], _Found]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
}
