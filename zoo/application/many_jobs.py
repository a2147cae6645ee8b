"""What is the same for all parts of many predictions, on whatever machine they are made."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from zoo.application import many_parts, workflow
from zoo.application.task import Rows, Task
from zoo.datasets.readers import pieces, row_files
from zoo.errors import MissingPackageError, UserError


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
    form: many_parts.Form
    home: str

    @functools.cached_property
    def predictor(self) -> Any:
        """The model, loaded once in each process."""
        return workflow.load(self.task, self.options.model)

    @functools.cached_property
    def reader(self) -> pieces.Reader:
        """Of the inputs."""
        return pieces.Reader(self.column, self.rows.sequences, self.rows.whole)

    def __getstate__(self) -> dict[str, Any]:
        """Without what each process has of its own."""
        return {k: v for k, v in vars(self).items() if k not in ("predictor", "reader")}

    def write(self, number: int, piece: row_files.Piece) -> Iterator[Counts]:
        """Writes a part, and yields how much of it is done."""
        size = self.task.predicted_together
        with many_parts.written(self.form, number) as write:
            rows: list[row_files.InputRow] = []
            for row in self.reader.rows(piece):
                rows.append(row)
                if len(rows) == size:
                    yield self._write(write, rows)
                    rows = []
            if rows:
                yield self._write(write, rows)

    def _write(self, write: Callable[[Any], None], rows: list[row_files.InputRow]) -> Counts:
        of_row = functools.partial(self.task.of_row, self.predictor)
        inputs = [of_row(row) for row in rows if row.error is None]
        found = iter(self.predict(inputs))
        answers = [{"error": row.error} if row.error is not None else next(found) for row in rows]
        records = [self.form.record(*pair) for pair in zip(rows, answers, strict=True)]
        write(records)
        return Counts(len(rows), sum("error" in record for record in records))

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
