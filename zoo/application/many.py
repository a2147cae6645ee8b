"""Predictions of more inputs than memory holds: a part is read, predicted and written at a time."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.application import many_parts, workflow
from zoo.application.many_jobs import Answer, Counts, Job
from zoo.application.options import ManyOptions, declared
from zoo.application.task import Output, Rows, Task
from zoo.datasets.readers import pieces, row_files
from zoo.errors import UserError
from zoo.predictors import catalogue, folders

_CHUNKS = 8  # of rows that are predicted together, in a part, unless --part-rows are given


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
    paths = pieces.find(many.data or "", out, (*rows.whole, *rows.sequences))
    size = many.part_rows or _CHUNKS * task.predicted_together
    reader = pieces.Reader(column, rows.sequences, rows.whole)
    planned, types = reader.plan(paths, size)
    form = many_parts.Form(str(out.resolve()), many.file_format, types, rows.answer)
    job = Job(task, rows, answer, options, column, form, os.getcwd())
    answer(task, job.predictor, [], options)  # refuses options that do not fit
    settings = _settings(job, many, size, paths)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out} cannot be made a folder: {error.strerror}") from error
    with folders.exclusive(out, "predictions are being written there"):
        many_parts.claim(out, settings)
        done = {
            n: many_parts.counted(form, n) for n in range(len(planned)) if form.path(n).exists()
        }
        todo = {n: piece for n, piece in enumerate(planned) if n not in done}
        every = [*(Counts(*one) for one in done.values())]
        total, kept = sum(piece.rows for piece in planned), sum(one.rows for one in every)
        try:
            for count in output.counted(_engine(job, todo, many), total, kept):
                every.append(count)
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt("interrupted: the same command goes on") from error
        finally:
            many_parts.sweep(out)
        found = {
            "out": str(out),
            "rows": sum(one.rows for one in every),
            "parts": len(planned),
            "kept": len(done),
            "failed": sum(one.failed for one in every),
        }
        many_parts.conclude(out, settings, found)
    output.line(
        f"{out}: {found['rows']:,} rows, {found['failed']:,} of them with an error in place of a "
        f"prediction; parts: {found['parts']:,}"
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
    for path in sorted(model.iterdir()):  # the network, its configuration and its vocabularies
        if path.suffix in (".keras", ".json", ".txt") and path.name != catalogue.METRICS_NAME:
            digest.update(f"{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
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
        "data": os.path.abspath(many.data or ""),
        "data_sha256": inputs.hexdigest(),
        "text_column": job.column,
        "format": many.file_format,
        "part_rows": size,
    }


def _engine(job: Job, todo: dict[int, row_files.Piece], many: ManyOptions) -> Iterator[Counts]:
    if many.engine == "ray" and todo:
        from zoo.application import many_ray

        yield from many_ray.write(job, todo, many.actors)
        return
    for number, piece in todo.items():
        yield from job.write(number, piece)
