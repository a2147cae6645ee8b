"""Which models to serve, from what was named on the command line."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from zoo import predictors, serving
from zoo.errors import UserError
from zoo.predictors import catalogue
from zoo.serving.export import configuration

_GRAPH_NAME = "saved_model.pb"  # as `zoo.serving.export.loaders` has it, without TensorFlow


def resolve(
    models: Sequence[str], exports: str | Path, announce: Callable[[str], object]
) -> list[ModelConfig]:
    """The models to serve, with absolute paths.

    Args:
        models: each an exported model's folder of versions (or one of the versions), a folder with
            `models.config`, or the name or path of a saved model, which is exported.
        exports: folder for these exports.
        announce: function that gets a line about what takes a while.

    Raises:
        UserError: one of them is none of these, two have the same name, or an export fails.
    """
    configs = []
    to_export: dict[str, Path] = {}  # a ModelConfig's name -> what to export for it
    for model in models:
        exported = _exported(Path(model))
        if not exported:
            folder = catalogue.find_model(model).resolve()
            name = folder.name
            exported = [configuration.model_config(name, Path(exports).resolve() / name)]
            to_export[name] = folder
        configs += exported
    _require_distinct(configs)
    for name, folder in to_export.items():
        announce(f"exporting {name}")
        try:
            serving.export(predictors.presets.load(folder), name, exports)
        except UserError as error:
            raise UserError(f"cannot export model '{name}': {error}") from error
    return configs


def _exported(path: Path) -> list[ModelConfig]:
    """The models of a folder that an export wrote; none if it is no such folder."""
    path = path.resolve()
    if (path / configuration.MODELS_NAME).is_file():
        return _listed(path)
    if (path / _GRAPH_NAME).is_file():  # one version
        path = path.parent
    if any(path.glob(f"[0-9]*/{_GRAPH_NAME}")):
        return [configuration.model_config(path.name, path)]
    return []


def _listed(folder: Path) -> list[ModelConfig]:
    """The models of `models.config`."""
    path, configs = folder / configuration.MODELS_NAME, configuration.read_models(folder)
    if not configs:
        raise UserError(f"{path} lists no models: export one to this folder")
    for config in configs:
        config.base_path = str(folder / config.base_path)
        if not Path(config.base_path).is_dir():
            raise UserError(
                f"{path}: the folder of model '{config.name}', {config.base_path}, is not there: "
                "mend its base_path"
            )
    return configs


def _require_distinct(configs: Sequence[ModelConfig]) -> None:
    paths: dict[str, str] = {}
    for config in configs:
        name, path = config.name, config.base_path
        if name in paths:
            raise UserError(
                f"two models are called '{name}' ({paths[name]} and {path}): serve one of them, or "
                "rename its folder"
            )
        paths[name] = path
