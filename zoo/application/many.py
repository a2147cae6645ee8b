"""Predictions of more inputs than memory holds: a part is read, predicted and written at a time."""

import functools
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from zoo.application import parts, workflow
from zoo.application.options import ManyOptions, declared
from zoo.application.task import Output, Rows, Task
from zoo.datasets.readers import pieces
from zoo.errors import MissingPackageError, UserError
from zoo.predictors import catalogue, folders, presets

_CHUNKS = 8  # of rows that are predicted together, in a part, unless --part-rows are given


class Counts(NamedTuple):
    """How many rows were written, and how many of them have an `error`."""

    rows: int
    failed: int


Answer = Callable[[Task, Any, list[Any], Any], list[dict[str, Any]]]
"""A function of a task, a predictor, inputs and options: a dict for each input."""


@dataclass
class Job:
    """What is the same for all parts, on whatever machine: it can be pickled.

    Args:
        task: whose predictions they are.
        rows: what its rows are.
        answer: makes predictions, each with its `input`.
        options: for `answer`, and which model.
        column: of tables.
        form: how parts are written.
        home: the folder where relative paths begin.
    """

    task: Task
    rows: Rows
    answer: Answer
    options: Any
    column: str
    form: parts.Form
    home: str

    @functools.cached_property
    def predictor(self) -> Any:
        """The model, loaded once in each process."""
        return workflow.load(self.task, self.options.model)

    @functools.cached_property
    def reader(self) -> pieces.Reader:
        """Of the inputs."""
        return pieces.Reader(self.column, self.rows.whole)

    def __getstate__(self) -> dict[str, Any]:
        """Without what each process has of its own."""
        return {k: v for k, v in vars(self).items() if k not in ("predictor", "reader")}

    def write(self, number: int, piece: pieces.Piece) -> Iterator[Counts]:
        """Writes a part, and yields how much of it is done."""
        size = self.task.predicted_together
        with parts.written(self.form, number) as write:
            rows: list[pieces.InputRow] = []
            for row in self.reader.rows(piece):
                rows.append(row)
                if len(rows) == size:
                    yield self._write(write, rows)
                    rows = []
            if rows:
                yield self._write(write, rows)

    def _write(self, write: Callable[[Any], None], rows: list[pieces.InputRow]) -> Counts:
        inputs = [self._input(row) for row in rows if row.error is None]
        found = iter(self.predict(inputs))
        answers = [{"error": row.error} if row.error is not None else next(found) for row in rows]
        records = [self.form.record(*pair) for pair in zip(rows, answers, strict=True)]
        write(records)
        return Counts(len(rows), sum("error" in record for record in records))

    def _input(self, row: pieces.InputRow) -> Any:
        if self.rows.whole and row.file != row.text:  # a path in a table begins at the table
            return str(Path(row.file).parent / row.text)
        return self.task.of_row(row)

    def predict(self, inputs: list[Any]) -> list[dict[str, Any]]:
        """A prediction for each input, or a dict of its `error`."""
        try:
            return self.answer(self.task, self.predictor, inputs, self.options) if inputs else []
        except MissingPackageError:
            raise
        except UserError as error:
            if len(inputs) == 1:
                return [{"error": str(error)}]
        middle = len(inputs) // 2  # it is about one of them, and costs no other its prediction
        return [*self.predict(inputs[:middle]), *self.predict(inputs[middle:])]


def run(
    task: Task,
    many: ManyOptions,
    options: Any,
    output: Output,
    rows: Rows | None = None,
    answer: Answer = workflow.predicted,
) -> dict[str, Any]:
    """Predicts the rows of files, and writes them to a folder in parts.

    A part that is there already is kept; so what was cut off goes on.

    Args:
        task: whose predictions they are.
        many: which files, and how.
        options: of the verb besides, the model among them.
        output: where progress and the result are shown.
        rows: what the rows are, if not those of the task.
        answer: what makes the predictions.

    Returns:
        The folder `out`, and how many `rows`, `parts`, `kept` and `failed` there are.

    Raises:
        UserError: an option does not fit, the data cannot be read, or the folder holds something
            else.
    """
    rows = rows or task.rows
    _check(many, options, output)
    out, column = Path(many.out or ""), many.text_column or rows.column
    paths = pieces.find(many.data or "", out, (*rows.whole, *rows.more))
    size = many.part_rows or _CHUNKS * task.predicted_together
    planned, types = pieces.Reader(column, rows.whole).plan(paths, size)
    form = parts.Form(str(out.resolve()), many.file_format, types, rows.answer)
    job = Job(task, rows, answer, options, column, form, os.getcwd())
    answer(task, job.predictor, [], options)  # refuses options that do not fit
    settings = _settings(job, many, size, paths)
    out.mkdir(parents=True, exist_ok=True)
    with folders.exclusive(out, "predictions are being written there"):
        parts.claim(out, settings)
        done = {n: parts.counted(form, n) for n in range(len(planned)) if form.path(n).exists()}
        todo = {n: piece for n, piece in enumerate(planned) if n not in done}
        every = [*(Counts(*one) for one in done.values())]
        total, kept = sum(piece.rows for piece in planned), sum(one.rows for one in every)
        try:
            for count in output.counted(_engine(job, todo, many), total, kept):
                every.append(count)
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt("interrupted: the same command goes on") from error
        finally:
            parts.sweep(out)
        found = {
            "out": str(out),
            "rows": sum(one.rows for one in every),
            "parts": len(planned),
            "kept": len(done),
            "failed": sum(one.failed for one in every),
        }
        parts.conclude(out, settings, found)
    output.line(
        f"{out}: {found['rows']:,} rows in {found['parts']:,} parts, {found['failed']:,} of them "
        "with an error in place of a prediction"
    )
    return found


def _check(many: ManyOptions, options: Any, output: Output) -> None:
    if not many.data or not many.out:
        raise UserError("--data and --out go together: give both")
    for field in declared(type(options)):
        if field.name in output.given and (field.about.get("file") or field.about.get("single")):
            raise UserError(f"{field.flag} is of inputs given one by one: leave it or --data out")
    if many.actors and many.engine != "ray":
        raise UserError("--actors are of --engine ray: give that too")


def _settings(job: Job, many: ManyOptions, size: int, paths: list[Path]) -> dict[str, Any]:
    """What the predictions depend on."""
    model = catalogue.find_model(job.options.model or job.task.preset)
    digest = hashlib.sha256()
    for name in (catalogue.CONFIG_NAME, presets.MODEL_NAME):
        digest.update((model / name).read_bytes())
    own = {field.name: getattr(job.options, field.name) for field in declared(type(job.options))}
    inputs = hashlib.sha256()
    for path in paths:
        about = path.stat()
        inputs.update(f"{path.resolve()} {about.st_size} {about.st_mtime_ns}\n".encode())
    return {
        "task": job.task.name,
        "answer": job.answer.__name__,
        **{name: value for name, value in own.items() if isinstance(value, int | float | str)},
        "model": catalogue.reference(model),
        "model_sha256": digest.hexdigest(),
        "data": many.data,
        "data_sha256": inputs.hexdigest(),
        "text_column": job.column,
        "format": many.file_format,
        "part_rows": size,
    }


def _engine(job: Job, todo: dict[int, pieces.Piece], many: ManyOptions) -> Iterator[Counts]:
    if many.engine == "ray" and todo:
        from zoo.application import many_ray

        yield from many_ray.write(job, todo, many.actors)
        return
    for number, piece in todo.items():
        yield from job.write(number, piece)
