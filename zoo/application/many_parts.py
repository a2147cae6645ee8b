"""The parts of many predictions: how they are written, so that none is ever half there."""

import base64
import contextlib
import json
import math
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from zoo.datasets.readers.row_files import InputRow
from zoo.errors import UserError

FORMATS = ("jsonl", "parquet")
_MANIFEST = "_manifest.json"  # programs that read a folder pass over such names
_OWN = ("file", "row", "prediction", "error")  # columns
_PASSING = ".passing-"

Record = dict[str, Any]


@dataclass
class Form:
    """How parts are written.

    Args:
        out: their folder.
        name: of the format.
        types: of the columns that are copied.
        answer: an example of a prediction, whose values have the types of all; None if nobody
            knows, and then JSON Lines alone can be written.

    Raises:
        UserError: a column is called as one that is written, or the format cannot be written.
    """

    out: str
    name: str
    types: dict[str, pyarrow.DataType]
    answer: dict[str, Any] | None

    def __post_init__(self) -> None:
        if taken := [name for name in _OWN if name in self.types]:
            raise UserError(f"the data have a column '{taken[0]}', as what is written: rename it")
        if self.name == "parquet" and self.answer is None:
            raise UserError("these predictions have no columns: leave --format out")

    def path(self, number: int) -> Path:
        """Where a part lies."""
        return Path(self.out) / f"part-{number:06}.{self.name}"

    @property
    def schema(self) -> pyarrow.Schema:
        """Of Parquet."""
        answer = pyarrow.infer_type([{"input": "", **(self.answer or {})}])
        own = {"file": pyarrow.string(), "row": pyarrow.int64()}
        last = {"prediction": answer, "error": pyarrow.string()}
        return pyarrow.schema([*(own | self.types | last).items()])

    def record(self, row: InputRow, answer: dict[str, Any]) -> Record:
        """What is written of a row: where it is from, its columns, its prediction or `error`."""
        columns = row.columns
        if taken := [name for name in _OWN if name in columns]:
            answer = {"error": f"the column '{taken[0]}' is called as one that is written"}
        elif self.name == "parquet" and (more := columns.keys() - self.types.keys()):
            answer = {"error": f"the column '{min(more)}' is not in the first row of the file"}
        kept = {k: v for k, v in columns.items() if k not in _OWN}
        place = {"file": row.file, "row": row.number, **kept}
        if "error" in answer:
            return place | {"error": answer["error"]}
        return place | {"prediction": answer}


@contextlib.contextmanager
def written(form: Form, number: int) -> Iterator[Callable[[list[Record]], None]]:
    """Context that gives a function of records, and whose end puts the part in its place.

    Until then it has a passing name, of this process alone; after an error it is gone.
    """
    path = form.path(number)
    passing = path.with_name(f"{_PASSING}{path.name}-{uuid.uuid4().hex}")
    try:
        if form.name == "parquet":
            with parquet.ParquetWriter(passing, form.schema) as table:
                yield lambda records: table.write_table(_table(form, records))
        else:
            with passing.open("w", encoding="utf-8") as lines:
                yield lambda records: lines.writelines(f"{_line(one)}\n" for one in records)
        with passing.open("rb+") as file:
            os.fsync(file.fileno())
        passing.replace(path)
    finally:
        passing.unlink(missing_ok=True)


def counted(form: Form, number: int) -> tuple[int, int]:
    """The rows of a part that is there, and how many of them have an error."""
    path = form.path(number)
    if form.name == "parquet":
        errors = parquet.read_table(path, columns=["error"])["error"]
        return len(errors), len(errors) - errors.null_count
    rows = failed = 0
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            rows += 1
            failed += '"error"' in line and "error" in json.loads(line)
    return rows, failed


def claim(out: Path, settings: dict[str, Any]) -> None:
    """Notes in a folder what its parts are.

    Raises:
        UserError: it holds parts of other settings, or something else.
    """
    manifest = out / _MANIFEST
    if not manifest.exists():
        if any(not path.name.startswith(".") for path in out.iterdir()):
            raise UserError(f"{out} holds other files: give another --out")
        _write(manifest, settings)
    try:
        before = json.loads(manifest.read_text())["settings"]
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{manifest} is damaged: give another --out") from error
    for name in (*settings, *before):
        if settings.get(name) != before.get(name):
            raise UserError(
                f"{out} holds predictions of other settings, {name} {before.get(name)} and not "
                f"{settings.get(name)}: give another --out"
            )
    sweep(out)


def conclude(out: Path, settings: dict[str, Any], found: dict[str, Any]) -> None:
    """Notes that all parts are there, and what is in them."""
    _write(out / _MANIFEST, settings, {name: found[name] for name in ("rows", "parts", "failed")})


def sweep(out: Path) -> None:
    """Takes away what processes have left that were killed."""
    for path in out.glob(f"{_PASSING}*"):
        path.unlink(missing_ok=True)


def _write(manifest: Path, settings: dict[str, Any], found: dict[str, Any] | None = None) -> None:
    passing = manifest.with_name(f"{_PASSING}manifest")
    passing.write_text(json.dumps({"settings": settings, "finished": found}, indent=1) + "\n")
    passing.replace(manifest)


def _table(form: Form, records: list[Record]) -> pyarrow.Table:
    texts = [name for name, kind in form.types.items() if pyarrow.types.is_string(kind)]
    for record in records:
        for name in texts:
            value = record.get(name)
            if value is not None and not isinstance(value, str):  # of JSON
                record[name] = _line(value)
    return pyarrow.Table.from_pylist(records, form.schema)


def _line(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    """What JSON can hold of a value of Parquet."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    return str(value)


def _finite(value: Any) -> Any:
    """JSON has no name for infinity, nor for what is no number."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list):
        return [*map(_finite, value)]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
