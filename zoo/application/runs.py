"""The folder of a training run: which one, with what settings, and how to go on with it."""

import contextlib
import dataclasses
import itertools
import json
import os
import shlex
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from zoo.application.options import TrainingOptions
from zoo.application.task import Task
from zoo.errors import UserError
from zoo.predictors import catalogue
from zoo.predictors.folders import exclusive
from zoo.training import Interrupted, checkpoints, hosts

RUN_NAME, SETTINGS_NAME = "run", "settings.json"


def restored(options: TrainingOptions, given: Collection[str]) -> Any:
    """The options of the run to be resumed, from those of the call and the names of those given.

    A UserError says that there is no such run, or that what was given contradicts it.
    """
    if not options.out:
        raise UserError("--resume needs --out, the folder of the run")
    if options.overwrite:
        raise UserError("give --resume or --overwrite, not both")
    stored = _read_settings(options.out)
    if checkpoints.load(Path(options.out) / RUN_NAME) is None:
        raise UserError(
            f"{options.out} holds no finished epoch to resume after: train without --resume"
        )
    # More epochs change a schedule that falls over all of them, hence also those already done.
    constant = stored.get("schedule") == "constant" and not stored.get("warm_up")
    free = ("patience", "epochs") if constant else ("patience",)
    for name in sorted(set(given) & stored.keys() - {*free}):
        if getattr(options, name) != stored[name]:
            raise UserError(
                f"the run in {options.out} was begun with {name} = {stored[name]}, not "
                f"{getattr(options, name)}: leave the option out, or train anew in another --out"
            )
    known = vars(options).keys() - {*given}
    return dataclasses.replace(options, **{n: v for n, v in stored.items() if n in known})


def _read_settings(out: str) -> dict[str, Any]:
    path = Path(out) / RUN_NAME / SETTINGS_NAME
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{out} holds no run to resume: train without --resume") from error
    except ValueError as error:
        raise UserError(f"{path}: damaged, the run cannot be resumed: train again") from error
    if not isinstance(stored, dict):
        raise UserError(f"{path}: not the settings of a run: train again")
    return stored


@contextlib.contextmanager
def output_folder(task: Task, options: Any) -> Iterator[Path]:
    """Context of the folder of the run, which is this run's alone.

    It is `--out`, or one in `saved_models/` that is not there yet; if nothing was written, it is
    gone at the end.

    A UserError says that the folder holds what must not be overwritten, that another run writes to
    it, or that it cannot be made.
    """
    folder = Path(options.out) if options.out else None
    if folder and not options.resume:
        _refuse_to_overwrite(folder, options.overwrite)
    with contextlib.ExitStack() as stack:
        try:
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
            else:
                folder = _new_folder(catalogue.trained_models() / task.model_name(options))
            stack.callback(_remove_if_empty, folder)
            stack.enter_context(exclusive(folder, "another training writes there"))
        except OSError as error:
            raise _unwritable(error, folder or catalogue.trained_models()) from error
        yield folder


def _new_folder(beginning: Path) -> Path:
    """The first of `beginning_1`, `beginning_2` ... that no other run has, made."""
    beginning.parent.mkdir(parents=True, exist_ok=True)
    numbered = (beginning.with_name(f"{beginning.name}_{i}") for i in itertools.count(1))
    for folder in numbered:
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            break
    return folder


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _unwritable(error: OSError, folder: Path) -> UserError:
    return UserError(
        f"cannot write to {error.filename or folder} ({error.strerror or error}): make room "
        "there, or give another --out"
    )


def _refuse_to_overwrite(folder: Path, overwrite: bool) -> None:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise UserError(f"{existing} is a file: give a folder as --out")
    if existing != folder:
        return
    run, is_model = folder / RUN_NAME, catalogue.holds_model(folder)
    if any(folder.glob("[!.]*")) and not is_model and not (run / SETTINGS_NAME).exists():
        raise UserError(f"{folder} holds other files than a model: give a new folder as --out")
    if is_model and not overwrite:
        raise UserError(f"{folder} already holds a model: give another --out or --overwrite")
    if (run / checkpoints.FILE_NAME).exists() and not overwrite:
        raise UserError(f"{folder} holds an unfinished run: give --resume or --overwrite")


def begin(folder: Path, options: TrainingOptions) -> None:
    """Makes the folder of a new run, clears it of an old one, and keeps the options there."""
    run = folder / RUN_NAME
    if (run / SETTINGS_NAME).exists():
        shutil.rmtree(run)
    run.mkdir(parents=True, exist_ok=True)
    content = json.dumps(options.recorded(), indent=2, ensure_ascii=False)
    (run / SETTINGS_NAME).write_text(content + "\n", encoding="utf-8")


@contextlib.contextmanager
def resume_guard(task: Task, folder: Path) -> Iterator[None]:
    """Context of everything that writes to the folder of a run.

    Raises:
        KeyboardInterrupt: on Control-C, with a message that says how to resume.
        UserError: the folder cannot be written.
    """
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as interrupt:
        raise KeyboardInterrupt(_how_to_resume(task, folder)) from interrupt
    except OSError as error:
        raise _unwritable(error, folder) from error


def _how_to_resume(task: Task, folder: Path) -> str:
    if not hosts.is_first():
        return "interrupted, and the other hosts with it: the first one has the checkpoint"
    state = checkpoints.load(folder / RUN_NAME)
    if state is None:
        return "interrupted before the first epoch was finished: nothing to resume"
    command = f"{task.program} train --resume --out"
    return (
        f"interrupted: {state.finished_epochs} finished epoch(s) are kept. Resume with\n"
        f"  {command} {shlex.quote(relative_path(folder))}"
    )


def relative_path(folder: Path) -> str:
    """A path as short as it can be said from here."""
    relative = os.path.relpath(folder)
    return relative if len(relative) < len(str(folder)) else str(folder)
