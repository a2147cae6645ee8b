"""The files beside the served models that tell TensorFlow Serving how to serve them."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from zoo.errors import UserError

MODELS_NAME = "models.config"
BATCHING_NAME = "batching.config"
MONITORING_NAME = "monitoring.config"

_TEMPLATES = Path(__file__).with_name("templates")


def update(folder: str | Path) -> None:
    """Writes the configuration of a folder's models, as far as it is missing: see `read_models`."""
    folder = Path(folder).resolve()  # the server wants absolute paths
    while True:  # another export may replace the file between reading and writing it
        models = read_models(folder)
        exported = {path.parents[1].name for path in folder.glob("*/[0-9]*/saved_model.pb")}
        missing = exported - {model.name for model in models}
        if not missing:
            break
        models += [model_config(name, folder / name) for name in sorted(missing)]
        _replace(folder / MODELS_NAME, models_config(models))
    for name in (BATCHING_NAME, MONITORING_NAME):
        if not (folder / name).exists():
            _replace(folder / name, (_TEMPLATES / name).read_text(encoding="utf-8"))


def read_models(folder: Path) -> list[ModelConfig]:
    """The models that a folder's `models.config`, if any, lists; a UserError if it is damaged."""
    path = folder / MODELS_NAME
    try:
        content = path.read_text(encoding="utf-8") if path.exists() else ""
        return list(text_format.Parse(content, ModelServerConfig()).model_config_list.config)
    except (OSError, ValueError, text_format.ParseError) as error:
        raise UserError(f"{path}: not a list of models to serve ({error}): mend it") from error


def model_config(name: str, folder: Path) -> ModelConfig:
    """The entry of a model, whose versions lie in `folder`."""
    return ModelConfig(name=name, base_path=str(folder), model_platform="tensorflow")


def models_config(models: Sequence[ModelConfig]) -> str:
    """The content of a `models.config`."""
    config = ModelServerConfig()
    config.model_config_list.config.extend(models)
    return str(text_format.MessageToString(config))


def _replace(path: Path, content: str) -> None:
    """Writes a file at once: a server may be reading it."""
    handle, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
    os.chmod(new, 0o644)
    os.replace(new, path)
