"""Exports a model as TensorFlow Serving reads it: `folder/name/<integer>/`."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from zoo.errors import UserError
from zoo.predictors.base import Predictor
from zoo.predictors.endpoints import Endpoint
from zoo.predictors.folders import passing_folder
from zoo.serving.export import configuration, warmup
from zoo.serving.export.formats import ExportError

_XLA_OFF = {"TF_XLA_FLAGS": "--tf_xla_auto_jit=-1"}  # as servers have it


def write(predictor: Predictor, name: str, folder: str | Path) -> Path:
    """As `zoo.serving.export`: writes the next version, and checks it before a server can see it.

    The predictor's `endpoints()` become the signatures. `folder` also gets `models.config`,
    `batching.config` and `monitoring.config` for the server's command line. What is there already
    stays: models are added to the first, the others are written once.
    """
    folder = Path(folder)
    configuration.read_models(folder)  # damaged, it is refused before there is a version
    versions = folder / name
    try:
        with _version(versions) as new:
            endpoints = predictor.endpoints()
            _write_graph(predictor, endpoints, new)
            warmup.write(new, name, endpoints)
            _audit(new)
            version = _publish(new, versions)
        configuration.update(folder)
    except OSError as error:
        raise UserError(
            f"cannot write to {versions} ({error.strerror or error}): give another --out"
        ) from error
    return version


@contextlib.contextmanager
def _version(versions: Path) -> Iterator[Path]:
    """Context of a folder to fill; if it is still there at the end, nothing is left of it."""
    try:
        with passing_folder(versions, ".exporting-") as new:
            yield new
    finally:
        with contextlib.suppress(OSError):
            versions.rmdir()  # if it is empty, this was to be the first version, and failed


def _write_graph(predictor: Predictor, endpoints: Sequence[Endpoint], folder: Path) -> None:
    archive = keras.export.ExportArchive()
    # The variables that endpoints use are kept by themselves; `track(model)` would keep them twice.
    for resource in predictor.resources():
        archive.track(resource)
    for endpoint in endpoints:
        archive.add_endpoint(endpoint.name, endpoint.function, list(endpoint.inputs))
    try:
        archive.write_out(str(folder), verbose=False)
    except tf.errors.OpError as error:  # of its file system, as when the disk is full
        raise OSError(error.message) from error


def _audit(folder: Path) -> None:
    """Audits in a process of its own, which has nothing of the zoo's network and of Keras."""
    command = [sys.executable, "-m", "zoo.serving.export.audit", str(folder)]
    root = str(Path(__file__).resolve().parents[3])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"} | _XLA_OFF
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        findings = done.stdout.strip() or done.stderr.strip()
        raise ExportError("not exported: " + "; ".join(findings.splitlines()))


def _publish(new: Path, versions: Path) -> Path:
    """Renames the folder to the next integer: a server sees all of it or nothing."""
    while True:
        taken = [int(path.name) for path in versions.iterdir() if path.name.isdecimal()]
        version = versions / str(max(taken, default=0) + 1)
        try:
            new.rename(version)
        except OSError:
            if not version.exists():  # else another export has just taken this number
                raise
        else:
            return version
