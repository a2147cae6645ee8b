"""Starts TensorFlow Serving, where it is installed."""

import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from zoo.errors import UserError
from zoo.serving.export import configuration
from zoo.serving.server import ports

_PROGRAM = "tensorflow_model_server"
_HOST = "0.0.0.0"  # it listens on every interface, and has no option for another


def find() -> str:
    """The path of `tensorflow_model_server`; a UserError if it is not on PATH."""
    program = shutil.which(_PROGRAM)
    if program is None:
        raise UserError(
            f"{_PROGRAM} is not on PATH: install TensorFlow Serving "
            "(https://www.tensorflow.org/tfx/serving/setup, or the container image "
            "tensorflow/serving), or try the model out on the zoo's own server with --development"
        )
    return program


def command(
    program: str, configs: Sequence[ModelConfig], folder: str | Path, port: int, rest_port: int
) -> list[str]:
    """The command line that serves models by gRPC (`port`) and REST.

    `folder` gets `models.config`, and those other configuration files that it needs and that do not
    lie beside the models.
    """
    folder = Path(folder)
    path = folder / configuration.MODELS_NAME
    path.write_text(configuration.models_config(configs), encoding="utf-8")
    configuration.update(folder)
    beside, *others = {Path(config.base_path).parent for config in configs}
    batching, monitoring = (
        beside / name if not others and (beside / name).is_file() else folder / name
        for name in (configuration.BATCHING_NAME, configuration.MONITORING_NAME)
    )
    words = [
        program,
        f"--port={port}",
        f"--rest_api_port={rest_port}",
        f"--model_config_file={path}",
        "--enable_batching",
        f"--batching_parameters_file={batching}",
        f"--monitoring_config_file={monitoring}",
    ]
    if any(config.version_labels for config in configs):
        # Else it does not start: at first no version is loaded that a label could stand for.
        words.append("--allow_version_labels_for_unavailable_models")
    return words


def run(words: Sequence[str], port: int, rest_port: int) -> int:
    """Runs the server's command line; SIGINT and SIGTERM are passed on to it.

    Returns its exit code; 0 if it ended because of such a signal. A UserError says that a port is
    in use: the server itself would share it in silence.
    """
    for number in (port, rest_port):
        ports.listen(_HOST, number).close()
    stopped_by: set[int] = set()
    with subprocess.Popen(words) as process:

        def pass_on(number: int, frame: FrameType | None) -> None:
            stopped_by.add(number)
            process.send_signal(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, pass_on)
        code = process.wait()
    if -code in stopped_by:
        return 0
    return code if code >= 0 else 128 - code
