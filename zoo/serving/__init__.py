"""Saved models out of the house: export, audit, servers and a client.

    import zoo

    zoo.serving.export(zoo.load("sentiment_bilstm_imdb"), "sentiment", "served")

Nothing heavy is imported until it is used; what only queries or serves an exported model never
loads TensorFlow's Python.
"""

import importlib
import re

from zoo.errors import UserError

FORMATS = {
    "saved_model": "zoo.serving.export.saved_model",
    "onnx": "zoo.serving.export.onnx",
    "litert": "zoo.serving.export.litert",
}
"""The formats of an export, and the modules that write them, each with `write`."""


def export(predictor, name, folder, format="saved_model", overwrite=False):
    """Writes a model for use outside the zoo, and checks it there before it counts as written.

    Args:
        predictor: one of `zoo.predictors`, as `zoo.load` gives it.
        name: what the model is called where it is served: letters, digits, _, - and .
        folder: where to; made if it is missing.
        format: "saved_model" for TensorFlow Serving, as `folder/name/<next integer>/`; or "onnx",
            "litert", as `folder/name/onnx/`, `folder/name/litert/`.
        overwrite: whether to replace such a folder; a SavedModel becomes a new version anyhow.

    Returns:
        The folder that was written, a `pathlib.Path`.

    Raises:
        ValueError: there is no such format.
        UserError: the format cannot hold this model, a package that it needs is not installed, or
            something is in the way.
        zoo.serving.ExportError: what was written does not answer as the Keras model does, or would
            not do so on every server; it has been removed.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UserError(f"'{name}' cannot name an exported model: use letters, digits, _, - and .")
    if format not in FORMATS:
        raise ValueError(f"`format` must be one of {', '.join(FORMATS)}. Received: {format!r}")
    options = {} if format == "saved_model" else {"overwrite": overwrite}
    return importlib.import_module(FORMATS[format]).write(predictor, name, folder, **options)


class ExportError(UserError):
    """An exported model that must not be served; the message gives the reasons."""
