"""The files beside the served models that tell TensorFlow Serving how to serve them."""

import os
import tempfile
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from zoo.errors import UserError

MODELS_NAME = "models.config"
BATCHING_NAME = "batching.config"
MONITORING_NAME = "monitoring.config"

_BATCHING = """\
# Joins requests that wait at the same time into one run. Pass it with
#   --enable_batching --batching_parameters_file=batching.config
# A request of more rows than this is refused.
max_batch_size { value: 128 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 100 }
# Ids of unequal length are padded by the server with the first id of each row, not with 0. That
# does no harm to these models: their signatures take the lengths too.
pad_variable_length_inputs: true
"""
_MONITORING = """\
# Pass it with --monitoring_config_file=monitoring.config; needs --rest_api_port.
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""


def update(folder: str | Path) -> None:
    """Writes the configuration of the models in a folder, as far as it is missing.

    Args:
        folder: holds a folder of integer versions for each model.

    Raises:
        UserError: `models.config` is there and cannot be read.
    """
    folder = Path(folder).resolve()  # the server wants absolute paths
    while True:  # another export may replace the file between reading and writing it
        config = read_models(folder)
        models = config.model_config_list.config
        missing = _exported(folder) - {model.name for model in models}
        if not missing:
            break
        for name in sorted(missing):
            models.add(name=name, base_path=str(folder / name), model_platform="tensorflow")
        _replace(folder / MODELS_NAME, text_format.MessageToString(config))
    for name, content in ((BATCHING_NAME, _BATCHING), (MONITORING_NAME, _MONITORING)):
        if not (folder / name).exists():
            _replace(folder / name, content)


def _exported(folder: Path) -> set[str]:
    """The names of the models in a folder."""
    return {path.parents[1].name for path in folder.glob("*/[0-9]*/saved_model.pb")}


def read_models(folder: str | Path) -> ModelServerConfig:
    """Reads `models.config` of a folder, which need not be there.

    Raises:
        UserError: the file is there and cannot be read.
    """
    path = Path(folder) / MODELS_NAME
    return read(path) if path.exists() else ModelServerConfig()


def read(path: str | Path) -> ModelServerConfig:
    """Reads `models.config`.

    Raises:
        UserError: the file cannot be read or is none.
    """
    try:
        content = Path(path).read_text(encoding="utf-8")
        return text_format.Parse(content, ModelServerConfig())
    except (OSError, ValueError, text_format.ParseError) as error:
        raise UserError(f"{path}: not a list of models to serve ({error}): mend it") from error


def _replace(path: Path, content: str) -> None:
    """Writes a file at once: a server may be reading it."""
    handle, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
    os.chmod(new, 0o644)
    os.replace(new, path)
