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

PROGRAM = "tensorflow_model_server"
HOST = "0.0.0.0"  # it listens on every interface, and has no option for another
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def find() -> str:
    """The path of `tensorflow_model_server`.

    Raises:
        UserError: it is not on PATH.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise UserError(
            f"{PROGRAM} is not on PATH: install TensorFlow Serving "
            "(https://www.tensorflow.org/tfx/serving/setup, or the container image "
            "tensorflow/serving), or try the model out on the zoo's own server with --development"
        )
    return program


def command(
    program: str, configs: Sequence[ModelConfig], folder: str | Path, port: int, rest_port: int
) -> list[str]:
    """The command line that serves models, and the files that it needs.

    Args:
        program: path of `tensorflow_model_server`.
        configs: the models.
        folder: for `models.config`, and for those other configuration files that do not lie beside
            the models.
        port: of gRPC.
        rest_port: of REST.
    """
    path = Path(folder) / configuration.MODELS_NAME
    path.write_text(configuration.models_config(configs), encoding="utf-8")
    configuration.update(folder)
    words = [
        program,
        f"--port={port}",
        f"--rest_api_port={rest_port}",
        f"--model_config_file={path}",
        "--enable_batching",
        f"--batching_parameters_file={_find(configuration.BATCHING_NAME, configs, folder)}",
        f"--monitoring_config_file={_find(configuration.MONITORING_NAME, configs, folder)}",
    ]
    if any(config.version_labels for config in configs):
        # Else it does not start: at first no version is loaded that a label could stand for.
        words.append("--allow_version_labels_for_unavailable_models")
    return words


def run(words: Sequence[str], port: int, rest_port: int) -> int:
    """Runs the server until it ends; SIGINT and SIGTERM are passed on to it.

    Args:
        words: its command line.
        port, rest_port: those that it will listen on.

    Returns:
        Its exit code; 0 if it ended because of such a signal.

    Raises:
        UserError: a port is in use. The server itself would share it in silence.
    """
    for number in (port, rest_port):
        ports.require_free(HOST, number)
    process: subprocess.Popen | None = None
    stopped_by: set[int] = set()

    def pass_on(number: int, frame: FrameType | None) -> None:
        stopped_by.add(number)
        if process is not None:
            process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _STOP_SIGNALS}
    try:
        process = subprocess.Popen(words)
        for number in stopped_by.copy():  # that came before there was a process
            process.send_signal(number)
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if -code in stopped_by:
        return 0
    return code if code >= 0 else 128 - code


def _find(name: str, configs: Sequence[ModelConfig], folder: str | Path) -> Path:
    """A configuration file: that beside the models, if they all lie in one folder."""
    parents = {Path(config.base_path).parent for config in configs}
    beside = parents.pop() / name
    return beside if not parents and beside.is_file() else Path(folder) / name
