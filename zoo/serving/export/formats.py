"""The formats of an export, by name."""

import importlib
import re
from pathlib import Path
from typing import Any

from zoo.errors import UserError

FORMATS = {
    "saved_model": "zoo.serving.export.saved_model",
    "onnx": "zoo.serving.export.onnx",
    "litert": "zoo.serving.export.litert",
}
"""The formats, and the modules that write them, each with `write`."""


class ExportError(UserError):
    """An exported model that must not be served; the message gives the reasons."""


def export(
    predictor: Any,
    name: str,
    folder: str | Path,
    format: str = "saved_model",
    overwrite: bool = False,
) -> Path:
    """Writes a model for use outside the zoo, and checks it there before it counts as written.

    Args:
        predictor: one of `zoo.predictors`, as `zoo.load` gives it.
        name: what the model is called where it is served: letters, digits, _, - and .
        folder: where to; made if it is missing.
        format: "saved_model" for TensorFlow Serving, as `folder/name/<next integer>/`; or "onnx",
            "litert", as `folder/name/onnx/`, `folder/name/litert/`.
        overwrite: whether to replace such a folder; a SavedModel becomes a new version anyhow.

    Returns:
        The folder that was written.

    Raises:
        ValueError: there is no such format.
        UserError: the format cannot hold this model, a package that it needs is not installed,
            Keras runs on another backend, or something is in the way.
        ExportError: what was written does not answer as the Keras model does, or would not do so
            on every server; it has been removed.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UserError(
            f"'{name}' cannot name an exported model: give letters, digits, _, - and . as --name"
        )
    if format not in FORMATS:
        raise ValueError(f"`format` must be one of {', '.join(FORMATS)}. Received: {format!r}")
    import keras  # takes seconds, and who lists the formats does without

    if (backend := keras.backend.backend()) != "tensorflow":
        raise UserError(
            f"an export is a TensorFlow graph, and Keras runs on {backend}: set "
            "KERAS_BACKEND=tensorflow (models trained on any backend load there)"
        )
    from zoo.layers import engines

    options = {} if format == "saved_model" else {"overwrite": overwrite}
    module = importlib.import_module(FORMATS[format])
    with engines.use("loop"):  # cuDNN and XLA are not on every server
        written: Path = module.write(predictor, name, folder, **options)
    return written
